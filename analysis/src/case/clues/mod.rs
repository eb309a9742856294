//! The detectors: one file per family of mechanisms, each a plain function in [`ALL`]. A detector reads the
//! facts around one failure and says whom they speak against, of what, and why.

mod addressed;
mod arm;
mod beyond;
mod called;
mod clogged;
mod cohort;
mod concerns;
mod container;
mod crowd;
mod damaged;
mod data;
mod dependency;
mod deploy;
mod ending;
mod fed;
mod function;
mod hang;
mod hog;
mod host;
mod init;
mod item;
mod job;
mod limit;
mod lost;
mod memory;
mod nearby;
mod nested;
mod network;
mod outlived;
mod overfed;
mod patience;
mod permission;
mod platform;
mod poison;
mod polled;
mod pool;
mod refusal;
mod rerouted;
mod rerun;
mod schema;
mod swallowed;
mod swollen;
mod throttle;
mod timeout;
mod told;
mod unsent;
mod voided;
mod way_out;
mod wordless;
mod worker;

use super::{clue::Clue, failures::Failure, scene::Scene};

pub(super) use arm::ways;
pub(super) use concerns::concerns;
pub(super) use dependency::words as span_words;
pub(super) use deploy::{changed as changed_lately, colder, started, told};
pub(super) use function::{callee, last_part};
pub(super) use hang::{announced, is_platform, longest as longest_silence};
pub(super) use job::{of as job, words_of as job_words};
pub(super) use lost::{unanswered, unheard};
pub(super) use nested::untold;
pub(super) use network::{is_unreached, service_in};
pub(super) use polled::asked_often;
pub(super) use rerun::lost as lost_tries;
pub(super) use schema::{maker, new_version, new_version_among, producer};
pub(super) use swallowed::taken_for_answer;
pub(super) use timeout::{input_growth, unconnected};
pub(super) use way_out::network_changed;
pub(super) use worker::of as worker;

/// A detector.
pub(crate) type Detector = fn(&Scene, &Failure) -> Vec<Clue>;

/// All of them. Their order does not matter: what they find is ranked by weight.
pub(crate) const ALL: [Detector; 39] = [
    arm::find,
    called::find,
    cohort::find,
    container::find,
    crowd::find,
    damaged::find,
    data::find,
    dependency::find,
    deploy::find,
    ending::find,
    fed::find,
    function::find,
    hog::find,
    host::find,
    init::find,
    job::find,
    limit::find,
    lost::find,
    memory::find,
    nested::find,
    network::find,
    overfed::find,
    permission::find,
    platform::find,
    poison::find,
    polled::find,
    pool::find,
    refusal::find,
    super::instead::find,
    super::overheard::find,
    super::retyped::find,
    schema::find,
    swallowed::find,
    swollen::find,
    throttle::find,
    timeout::find,
    told::find,
    voided::find,
    wordless::find,
];

/// What failed calls say of whom they were made to: of connections, limits, hosts and answers.
pub(super) fn of_calls(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    const OF_CALLS: [Detector; 3] = [dependency::find, network::find, pool::find];
    OF_CALLS
        .iter()
        .flat_map(|detector| detector(scene, failure))
        .collect()
}

/// What everybody but whoever follows callees says of the failure of a callee.
fn of_callee<'a>(scene: &Scene<'a>, failure: &Failure<'a>) -> Vec<Clue> {
    let all = ALL
        .iter()
        .filter(|it| !std::ptr::fn_addr_eq(**it, called::find as Detector));
    all.flat_map(|detector| detector(scene, failure)).collect()
}

/// What speaks below a state whose items are executions of their own.
pub(super) fn below(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    nested::find(scene, failure)
}

/// Everything that the detectors say of a failure.
pub(crate) fn of<'a>(scene: &Scene<'a>, failure: &Failure<'a>) -> Vec<Clue> {
    ALL.iter()
        .flat_map(|detector| detector(scene, failure))
        .collect()
}
