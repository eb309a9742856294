//! Failures of a callee that are a caller's fault: others ask the same and are answered.

use super::Period;
use super::errors::Origin;
use super::logs::Loud;
use super::tree::{Answers, Names, Trees};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Calls of others, at least, of which few fail: then what a refusal says of the caller counts.
const LEAST_OTHERS: u32 = 5;
/// The same where no words say that it is the caller's fault.
const MANY_OTHERS: u32 = 20;
/// Calls of the caller, at least, and share of them that fails, where no words say that it is its fault.
const LEAST_CALLS: u32 = 10;
const MOST: f64 = 0.8;
/// The same share where of the failures no answer is recorded, and of others' calls answers are.
const CUT_OFF: f64 = 0.4;
/// The same share where a name was looked up in vain, which is done where the call is made: on one instance of several, say.
const LOOKED_UP: f64 = 0.1;
/// Names that one caller looks up in vain, and nobody else does.
const NAMES: usize = 2;
/// Share of the calls of all others that fails, at most: now and then something is declined.
const FEW: f64 = 0.06;

/// Calls and failures of each caller.
type Counts = HashMap<u32, HashMap<u32, (u32, u32)>>;

/// Who calls what, and how often it fails.
pub(super) struct Callers {
    /// By the operation in which a request comes in.
    operations: Counts,
    /// By the service that is waited for.
    services: Counts,
    /// The same, by the operation of the caller instead of the caller.
    routes: Counts,
    /// By caller, whose names it looked up in vain.
    nameless: HashMap<u32, BTreeSet<u32>>,
}

impl Callers {
    pub fn new(trees: &Trees, answers: &Answers, failures: &[Origin]) -> Self {
        let (mut operations, mut services) = (Counts::new(), Counts::new());
        let mut routes = Counts::new();
        for n in 0..trees.spans.len() {
            let target = trees.waits_for(n, answers);
            let above = trees.parent(n).map(|it| trees.service[it]);
            if let Some(above) = above.filter(|it| *it != target) {
                let of = operations.entry(trees.operation[n]).or_default();
                of.entry(above).or_default().0 += 1;
            }
            if target != trees.service[n] {
                let of = services.entry(target).or_default();
                of.entry(trees.service[n]).or_default().0 += 1;
                let of = routes.entry(target).or_default();
                of.entry(trees.operation[trees.entry(n)]).or_default().0 += 1;
            }
        }
        let mut nameless: HashMap<u32, BTreeSet<u32>> = HashMap::new();
        for it in failures {
            let Some(caller) = it.caller else {
                continue;
            };
            if it.nameless && it.unanswered {
                nameless.entry(caller).or_default().insert(it.service);
            }
            for (counts, what) in [(&mut operations, it.operation), (&mut services, it.service)] {
                let of = counts.entry(what).or_default();
                of.entry(caller).or_default().1 += 1;
            }
            let of = routes.entry(it.service).or_default();
            of.entry(it.route).or_default().1 += 1;
        }
        Callers {
            operations,
            services,
            routes,
            nameless,
        }
    }

    /// The caller of a failure that is its own fault. `known` are those who were called before, where nothing is known
    /// of that time, none; `reached` those of whose answers something was recorded then.
    pub fn at_fault(
        &self,
        it: &Origin,
        known: &HashSet<u32>,
        reached: &HashSet<u32>,
    ) -> Option<u32> {
        let caller = it.caller?;
        // Who is called for the first time and is not there was never there.
        let new = !known.is_empty() && known.contains(&caller) && !known.contains(&it.service);
        let refused =
            it.nonsense && others_fare_better(&self.operations, it.operation, caller, true);
        let lost = it.misdirected && others_fare_better(&self.services, it.service, caller, false);
        // A name that one operation looks up in vain, of a service that its other operations reach.
        let astray =
            (it.misdirected || it.nameless) && alone(&self.routes, it.service, it.route, MOST);
        // Whom one caller reaches no more, and all others do as ever.
        let cut_off = it.unanswered
            && !it.full
            && reached.contains(&it.service)
            && alone(&self.services, it.service, caller, CUT_OFF);
        // Rights are one's own: who is refused has others than those who are served. A store that refuses all is ill.
        // Where it says what was asked for, others have to be served just that.
        let denied = it.denied
            && match it.unanswered {
                true => others_fare_better(&self.services, it.service, caller, true),
                false => others_fare_better(&self.operations, it.operation, caller, false),
            };
        let unresolved = it.nameless
            && it.unanswered
            && (alone(&self.services, it.service, caller, LOOKED_UP) || self.resolves_none(caller));
        let alone = !it.full && alone(&self.operations, it.operation, caller, MOST);
        let own = new || refused || lost || astray || cut_off || denied || unresolved || alone;
        own.then_some(caller)
    }

    /// Whether one caller looks up several names in vain, nobody else any of them, and others reach one of those it means.
    fn resolves_none(&self, caller: u32) -> bool {
        let Some(names) = self.nameless.get(&caller) else {
            return false;
        };
        let mut others = self.nameless.iter().filter(|it| *it.0 != caller);
        let reached = |name: &u32| {
            let of = self.services.get(name).into_iter().flatten();
            of.filter(|it| *it.0 != caller)
                .any(|it| it.1.0 >= LEAST_OTHERS && it.1.1 == 0)
        };
        names.len() >= NAMES
            && others.all(|it| it.1.is_disjoint(names))
            && names.iter().any(reached)
    }
}

/// True where nearly all requests of one fail, and hardly any of those that many others send.
fn alone(counts: &Counts, what: u32, who: u32, most: f64) -> bool {
    let Some(of) = counts.get(&what) else {
        return false;
    };
    let (calls, failed) = of.get(&who).copied().unwrap_or_default();
    let others = of.iter().filter(|it| *it.0 != who).map(|it| *it.1);
    let (more, failed_too) = others.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    calls >= LEAST_CALLS
        && f64::from(failed) >= most * f64::from(calls)
        && more >= MANY_OTHERS
        && f64::from(failed_too) <= FEW * f64::from(more)
}

/// True where the requests of all others fail far more rarely. Whether there have to be others.
fn others_fare_better(counts: &Counts, what: u32, caller: u32, or_none: bool) -> bool {
    let Some(of) = counts.get(&what) else {
        return or_none;
    };
    let share = |it: (u32, u32)| f64::from(it.1) / f64::from(it.0.max(1));
    let own = share(of.get(&caller).copied().unwrap_or_default());
    let mut others = of
        .iter()
        .filter(|it| *it.0 != caller && it.1.0 >= LEAST_OTHERS)
        .map(|it| share(*it.1))
        .peekable();
    (or_none || others.peek().is_some()) && others.all(|it| it < own / 4.0)
}

/// Finds whom lines complain of by the kind of the store only, where the writer asks just one of that kind.
pub(super) fn kin(
    loud: &mut BTreeMap<u32, Loud>,
    periods: [&Trees; 2],
    answers: &Answers,
    symptom: &Period,
    names: &Names,
) {
    // With the port that each listens at where nobody says otherwise.
    const STORES: [(&str, &str); 16] = [
        ("redis", ":6379"),
        ("memcached", ":11211"),
        ("mongo", ":27017"),
        ("mysql", ":3306"),
        ("mariadb", ":3306"),
        ("postgres", ":5432"),
        ("cassandra", ":9042"),
        ("elasticsearch", ":9200"),
        ("opensearch", ":9200"),
        ("kafka", ":9092"),
        ("rabbitmq", ":5672"),
        ("nats", ":4222"),
        ("dynamodb", "dynamodb"),
        ("couchbase", ":8091"),
        ("etcd", ":2379"),
        ("consul", ":8500"),
    ];
    let mut asked: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for trees in periods {
        for n in 0..trees.spans.len() {
            let of = asked.entry(trees.service[n]).or_default();
            of.insert(trees.waits_for(n, answers));
        }
    }
    for (service, it) in loud
        .iter_mut()
        .filter(|it| it.1.failure && it.1.blames.is_none())
    {
        let Some(line) = it.line.map(|n| symptom.lines[n].body.to_lowercase()) else {
            continue;
        };
        let kinds: Vec<&str> = match STORES.iter().find(|it| line.contains(it.0)) {
            Some(kind) => vec![kind.0],
            None => {
                let of = STORES.iter().filter(|it| line.contains(it.1));
                of.map(|it| it.0).collect()
            }
        };
        let of = asked.get(service).into_iter().flatten();
        let is_one = |name: &str| kinds.iter().any(|kind| name.contains(kind));
        let mut of = of.filter(|it| *it != service && is_one(&names.name(**it).to_lowercase()));
        it.blames = of.next().copied().filter(|_| of.next().is_none());
    }
}

/// Services of whose answers to others something is recorded.
pub(super) fn reached(trees: &Trees, answers: &Answers) -> HashSet<u32> {
    let calls = (0..trees.spans.len()).filter(|n| trees.calls(*n, answers));
    let answered = calls.filter_map(|n| trees.answer(n));
    answered.map(|it| trees.service[it]).collect()
}

/// Services that are there, or are called.
pub(super) fn targets(trees: &Trees, answers: &Answers) -> HashSet<u32> {
    let called = (0..trees.spans.len()).map(|n| trees.waits_for(n, answers));
    called.chain(trees.service.iter().copied()).collect()
}
