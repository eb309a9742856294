//! A value that is of another kind than it always was: `"184,00"` where a number stood. Nothing is missing, and whoever
//! reads it finds nothing to work with.

use super::{
    clue::{self, Clue, Explained},
    clues,
    drift::{Kind, kinds},
    failures::Failure,
    onset,
    scene::Scene,
    text::Topic,
};
use model::{Category, State};

/// Healthy runs that all have the same kind of value.
const FEWEST: usize = 5;

/// Somebody who gives a value of another kind than ever.
pub(crate) struct Retyped<'a> {
    pub visit: &'a State,
    pub path: String,
    pub was: Kind,
    pub is: Kind,
    /// That its function runs in a version that none of those runs had.
    pub changed: Option<String>,
}

impl Retyped<'_> {
    /// What came of what.
    pub fn told(&self) -> String {
        format!(
            "{} as {} instead of {}",
            self.path,
            self.is.told(),
            self.was.told()
        )
    }
}

fn leaf(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The first state before another that gave a value, of those whose names are wanted, of another kind than in all
/// healthy runs before the incident.
pub(crate) fn before<'a>(
    scene: &Scene<'a>,
    visit: &State,
    wanted: &dyn Fn(&str) -> bool,
) -> Option<Retyped<'a>> {
    let earlier = scene.case.states.iter();
    let earlier = earlier.filter(|it| {
        it.state_type == "Task"
            && it.entered_event_id < visit.entered_event_id
            && it.output.is_some()
            && !it.caught
            // Items of a Map may differ from each other.
            && !it.path.contains('[')
    });
    let mut earlier: Vec<&State> = earlier.collect();
    earlier.sort_by_key(|it| it.entered_event_id);
    earlier
        .into_iter()
        .find_map(|it| of_visit(scene, it, wanted))
}

fn of_visit<'a>(
    scene: &Scene<'a>,
    visit: &'a State,
    wanted: &dyn Fn(&str) -> bool,
) -> Option<Retyped<'a>> {
    let took = kinds(visit.input.as_deref());
    let start = scene.case.execution.start_time;
    let gave = kinds(visit.output.as_deref());
    gave.into_iter()
        .filter(|(path, _)| wanted(leaf(path)))
        // Who was given it so only passes it on.
        .filter(|(path, kind)| {
            !took
                .iter()
                .any(|(at, it)| leaf(at) == leaf(path) && it == kind)
        })
        .find_map(|(path, is)| {
            let at = |it: &super::Profile| it.states.get(&visit.state)?.kinds.get(&path).copied();
            let same = |it: &super::Profile| at(it) == Some(is);
            let fit = onset::fit(&scene.healthy, start, same);
            let usual: Vec<Kind> = fit.iter().filter_map(|it| at(it)).collect();
            let was = *usual.first()?;
            let always = usual.len() >= FEWEST && usual.iter().all(|it| *it == was);
            (always && was != is).then(|| Retyped {
                visit,
                path,
                was,
                is,
                changed: clues::new_version_among(scene, visit, &fit),
            })
        })
}

/// Who gave what failed a value of another kind than ever.
pub(crate) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    if !matches!(failure.topic(), None | Some(Topic::Data | Topic::Path)) {
        return Vec::new();
    }
    let Some(visit) = failure.visit else {
        return Vec::new();
    };
    let given = kinds(visit.input.as_deref());
    let is_given = |name: &str| given.keys().any(|it| leaf(it) == name);
    let Some(retyped) = before(scene, visit, &is_given) else {
        return Vec::new();
    };
    let said = failure.words();
    let named = said.contains(leaf(&retyped.path));
    let weight = if named { 0.93 } else { 0.86 };
    let (suspect, name) = clues::maker(scene, retyped.visit);
    let changed = retyped.changed.clone();
    let category = match changed {
        Some(_) => Category::BadDeploy,
        None => Category::SilentData,
    };
    let told = retyped.told();
    let mechanism = format!(
        "{name} gives {told}, which {} cannot work with",
        visit.state
    );
    let left = retyped.visit.exited_event_id;
    let left = left.and_then(|id| scene.event(id));
    let reference = failure.exhibit().map(|it| it.reference).unwrap_or_default();
    let carried = [failure.function(), Some(failure.state())];
    let carried = carried.into_iter().flatten().filter(|it| *it != name);
    let carried = carried.map(|it| Explained {
        kind: String::new(),
        name: it.to_owned(),
        reason: format!("{it} was given {told}"),
        reference: reference.clone(),
    });
    vec![
        Clue::new(suspect, category, weight, mechanism)
            .with(
                left.map(|it| clue::event(it, format!("{} left with {told}", retyped.visit.state))),
            )
            .with(failure.exhibit())
            .changed(changed)
            .explaining(carried),
    ]
}

#[cfg(test)]
mod tests {
    use super::{Kind, kinds};

    #[test]
    fn values_have_kinds() {
        let found = kinds(Some(r#"{"a":1,"b":{"c":"x","d":[1],"e":null},"f":true}"#));
        let check = |path: &str, expect: Option<Kind>| {
            assert_eq!(found.get(path).copied(), expect, "{path}")
        };
        check("a", Some(Kind::Number));
        check("b", Some(Kind::Object));
        check("b.c", Some(Kind::Text));
        check("b.d", Some(Kind::List));
        check("b.e", None);
        check("f", Some(Kind::Truth));
    }
}
