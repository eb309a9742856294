//! Work that is larger than usual, and one item of a Map that is far larger than the others, and took its time in proportion:
//! nobody is slow, there is more to do.

use super::{
    amounts,
    clue::{self, Clue},
    critical,
    profile::Profile,
    scene::Scene,
};
use model::{Category, State};

/// Other items of the same Map, at least.
const OTHERS: usize = 3;
/// How many times larger than the middle one it is.
const TIMES: f64 = 4.0;
/// A share of the size that the time may be less, or more: some of the work does not grow.
const LESS: f64 = 0.2;
const MORE: f64 = 1.6;
/// Numbers that differ more than this between the others are no sizes.
const SPREAD: f64 = 20.0;

/// Runs in a row with growing numbers that make it a counter.
const COUNTED: usize = 4;
/// Healthy runs whose numbers tell what is usual.
const SIZED_RUNS: usize = 3;

/// How many times larger the work is, if that explains the time.
pub(super) fn of_work(scene: &Scene, ratio: f64) -> Option<(f64, &'static str)> {
    let execution = &scene.case.execution;
    let median = |of: &dyn Fn(&Profile) -> f64| {
        let mut all: Vec<f64> = scene.healthy.iter().map(|it| of(it)).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    // Healthy runs with as much work were quick.
    let work = |it: &Profile| (f64::from(it.iterations), it.input_bytes as f64);
    let bytes = execution.input.as_ref().map_or(0, String::len) as f64;
    let own = (f64::from(execution.iterations), bytes);
    let as_large = |it: &&&Profile| {
        let (items, bytes) = work(it);
        items * 1.1 >= own.0 && bytes * 1.1 >= own.1
    };
    let number = numeric_growth(scene);
    if scene.healthy.iter().filter(as_large).count() >= 2 && number < 1.4 {
        return None;
    }
    let items = f64::from(execution.iterations) / median(&|it| f64::from(it.iterations)).max(1.0);
    let bytes = bytes / median(&|it| it.input_bytes as f64).max(64.0);
    let sized = scene.healthy.iter();
    let sized = sized.map(|it| (it.input_bytes as f64, it.duration_ns));
    let bytes = if follows(sized.collect()) { bytes } else { 0.0 };
    let all = [
        (items, "it worked on {} times as many items"),
        (bytes, "its input is {} times as large"),
        (number, "a number in its input is {} times as large"),
    ];
    let size = all.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    (size.0 >= 1.4 && ratio <= size.0 * 1.4).then_some(size)
}

/// The largest growth of a number in the input that healthy runs have, too: `{"rows": 5000}`.
pub(super) fn numeric_growth(scene: &Scene) -> f64 {
    grown_number(scene).map_or(0.0, |it| it.0)
}

/// The same with its name.
pub(super) fn grown_number(scene: &Scene) -> Option<(f64, String)> {
    let own = super::profile::numbers(scene.case.execution.input.as_deref());
    let growth = own.iter().filter_map(|(name, value)| {
        let mut in_time: Vec<(model::UnixNanos, f64)> = scene
            .healthy
            .iter()
            .filter_map(|it| Some((it.start, it.numbers.get(name).copied()?)))
            .collect();
        in_time.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        // What goes up with every run counts them.
        let counts = in_time.windows(2).all(|pair| pair[0].1 < pair[1].1);
        if counts && in_time.len() >= COUNTED {
            return None;
        }
        let mut usual: Vec<f64> = in_time.into_iter().map(|it| it.1).collect();
        usual.sort_by(f64::total_cmp);
        let (low, high) = (usual.first()?, usual.last()?);
        let median = usual[usual.len() / 2];
        // An id or a timestamp is no size.
        let sized = usual.len() >= SIZED_RUNS && *low > 0.0 && *high < 20.0 * low && median < 1e9;
        let pairs = scene.healthy.iter();
        let pairs = pairs.filter_map(|it| Some((it.numbers.get(name).copied()?, it.duration_ns)));
        // What healthy runs have, too, did not grow; and what their times do not follow is no size.
        let grown = sized && value > high && follows(pairs.collect());
        grown.then(|| (value / median.max(1.0), name.clone()))
    });
    growth.max_by(|a, b| a.0.total_cmp(&b.0))
}

/// Something in the input that is larger than in any healthy run.
pub(super) struct Growth {
    /// Its key path: `order.lines[]`, of which the length is meant.
    pub path: String,
    pub value: f64,
    /// The most that healthy runs had.
    pub most: f64,
}

/// What of the input lies furthest beyond what healthy runs were given: a number or the length of a list, whether or not their
/// times follow it.
pub(super) fn beyond_all(scene: &Scene) -> Option<Growth> {
    let first = scene
        .case
        .states
        .iter()
        .min_by_key(|it| it.entered_event_id)?;
    let own = amounts::of(scene.case.execution.input.as_deref());
    let usual = |path: &str| -> Vec<f64> {
        let runs = scene.healthy.iter();
        let given = runs.filter_map(|it| Some(&it.states.get(&first.state)?.given));
        given.filter_map(|it| it.get(path).copied()).collect()
    };
    let grown = own.into_iter().filter_map(|(path, value)| {
        let usual = usual(&path);
        let least = usual.iter().copied().fold(f64::INFINITY, f64::min);
        let most = usual.iter().copied().fold(0.0, f64::max);
        // An id or a time is no size.
        let sized = usual.len() >= SIZED_RUNS && least > 0.0 && most < SPREAD * least && most < 1e9;
        (sized && value > most).then_some(Growth { path, value, most })
    });
    grown.max_by(|a, b| (a.value / a.most).total_cmp(&(b.value / b.most)))
}

/// Runs of which a third tells how long those with small and with large numbers take.
const TOLD: usize = 6;
/// Numbers that differ less than this do not show whether time follows them.
const APART: f64 = 1.3;
/// A share of what the number grows by that the time has to grow by, too.
const SHARE: f64 = 0.2;

/// Whether times go up with a number, as far as healthy runs tell: where these hardly differ, nothing speaks against it.
fn follows(mut pairs: Vec<(f64, i64)>) -> bool {
    if pairs.len() < TOLD {
        return true;
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let third = pairs.len() / 3;
    let (small, large) = (&pairs[..third], &pairs[pairs.len() - third..]);
    let size = |of: &[(f64, i64)]| middle(of.iter().map(|it| it.0));
    let time = |of: &[(f64, i64)]| middle(of.iter().map(|it| it.1 as f64));
    let grown = size(large) / size(small).max(f64::MIN_POSITIVE);
    grown < APART || time(large) / time(small).max(1.0) >= 1.0 + (grown - 1.0) * SHARE
}

/// That the item of a visit is so large that its time follows from it.
pub(crate) fn of_item(scene: &Scene, visit: &State) -> Option<Clue> {
    let index = visit.iteration_index?;
    let block = critical::block_of(&visit.path)?;
    let alike = |it: &&State| {
        it.state == visit.state
            && critical::block_of(&it.path) == Some(block)
            && it.iteration_index != Some(index)
            && it.duration_ns.is_some()
    };
    let others: Vec<&State> = scene.case.states.iter().filter(alike).collect();
    if others.len() < OTHERS {
        return None;
    }
    let took = visit.duration_ns? as f64;
    let usual = middle(
        others
            .iter()
            .map(|it| it.duration_ns.unwrap_or_default() as f64),
    );
    let slower = took / usual.max(1.0);
    let own = amounts::of(visit.input.as_deref());
    let (path, value, times) = own
        .into_iter()
        .filter_map(|(path, value)| {
            let sizes: Vec<f64> = others
                .iter()
                .filter_map(|it| amounts::of(it.input.as_deref()).get(&path).copied())
                .collect();
            let least = sizes.iter().copied().fold(f64::INFINITY, f64::min);
            let most = sizes.iter().copied().fold(0.0, f64::max);
            let sized = sizes.len() == others.len() && least > 0.0 && most <= SPREAD * least;
            let times = value / middle(sizes.into_iter());
            let follows = (times * LESS..=times * MORE).contains(&slower);
            (sized && times >= TIMES && follows).then_some((path, value, times))
        })
        .max_by(|a, b| a.2.total_cmp(&b.2))?;
    let name = format!("{block}[{index}]");
    let mechanism = format!(
        "{name} is {times:.0} times as large as the others ({path} {}), and {} took {slower:.0} times as long for it",
        amounts::number(value),
        visit.state
    );
    let entered = scene.event(visit.entered_event_id);
    let suspect = clue::entity(scene, "item", &name, &[&visit.path]);
    Some(
        Clue::new(suspect, Category::DataSize, 0.92, mechanism).with(
            entered.map(|it| clue::event(it, format!("{path} is {}", amounts::number(value)))),
        ),
    )
}

fn middle(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = all.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
