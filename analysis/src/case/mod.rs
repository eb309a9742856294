//! The case file: everything that is held about one execution, and what it proves.
//!
//! [`judge()`] is the inquest. It finds what is wrong (a failure that ended the execution, one that a Catch swallowed,
//! time beyond healthy variation, a path that no healthy run takes), hands it to the detectors in [`clues`], ranks
//! whom they name, clears the others, and says how sure it is.
//!
//! | Module | What it does |
//! |---|---|
//! | [`world`] | what is known besides the execution: its siblings, changes, load |
//! | [`profile`](mod@profile) | what is remembered of a sibling |
//! | `scene`, `critical` | the case with its records found quickly; what the execution waited for |
//! | `hosts`, `pulls`, `slots`, `starts`, `stays` | one host among several; images that take long; a Map's concurrency; cold starts; where a job stayed |
//! | [`callees`], `called` | functions that functions called; what they failed of, and what they cost |
//! | [`letters`] | messages whose answer never came, and how their receivers are found |
//! | `onset` | which siblings are fit to be compared with |
//! | `failures`, `tolerated`, `slow`, `waits`, `silent`, `amounts` | what is wrong |
//! | `since`, `reads`, `relations`, `behind` | what a release changed: who ran before it, what it leaves out that is read, what it works out otherwise, what it stores where nobody finds it |
//! | `drift`, `retyped` | a value of another kind, or beyond all of those before a release, that decided the way or broke a state |
//! | `equals` | numbers that belong together in all other runs |
//! | `doubles`, `omitted` | work that was taken for done already; a state that a version lost |
//! | `equipped` | what a job had to work with |
//! | `timed`, `instead` | lines that tell how long somebody was waited for; who is asked because another one failed |
//! | [`overheard`] | what others wrote about those whom it waited for |
//! | `calls` | more calls than usual, each as quick as ever; waits for a slot of a pool |
//! | [`joblogs`], `toil` | what jobs in containers wrote: how their lines are found, and what they tell of slow and of green runs |
//! | `fallback` | a default in place of what was refused or not there |
//! | `sorts`, `hollow` | what a release writes otherwise, and what is missing, for one sort of input |
//! | `handed` | which version a state asks for, and where it puts a token |
//! | `forms` | of which sort an input is: a value, how an id begins or is written, a field that is given or not |
//! | `again` | calls below one try that failed and were made again |
//! | `own_names` | what somebody called a store whose address a cloud gave |
//! | `habits` | failures that a Catch takes by design |
//! | `measures` | sizes that spans tell |
//! | `due` | who told a Wait how long it takes |
//! | `sizes`, `grown` | one item that is far larger than the others; who made the data so large |
//! | `settings` | numbers that a definition sets, and how two differ |
//! | `text`, `marks`, `signs` | what the words of an error speak of |
//! | `clues` | who may have done it: one file per family of mechanisms |
//! | `running`, `lacks` | what has not ended; what is not held |
//! | `origin`, `charges` | where the trouble in a tree of spans began, and who is charged with time |
//! | `redriven` | what ended badly and was begun again by hand |
//! | `ranking`, `confidence` | who did it, how sure |
//! | `but_for`, `alibis` | what would have happened otherwise, and who did not do it |
//! | [`report`] | the case file as text, Markdown and HTML |

mod again;
mod alibis;
mod altered;
mod amounts;
mod behind;
mod but_for;
mod called;
pub mod callees;
mod calls;
pub(crate) mod charges;
mod clue;
mod clues;
mod confidence;
mod critical;
mod dark;
mod doubles;
mod drift;
mod due;
mod equals;
mod equipped;
mod failures;
mod fallback;
mod forms;
mod grown;
mod habits;
mod handed;
mod hollow;
mod hosts;
mod instead;
pub mod joblogs;
mod judge;
mod lacks;
pub mod letters;
mod marks;
mod measures;
mod omitted;
mod onset;
mod origin;
pub mod overheard;
mod own_names;
mod profile;
mod pulls;
mod ranking;
mod reads;
mod redriven;
mod relations;
pub mod releases;
pub mod report;
mod retyped;
mod running;
mod scene;
mod settings;
mod signs;
mod silent;
mod since;
mod sizes;
mod slots;
mod slow;
mod sorts;
mod starts;
mod starved;
mod stays;
mod telling;
pub(crate) mod text;
mod timed;
mod toil;
mod tolerated;
mod waits;
mod within;
mod world;

pub use charges::Charge;
pub(crate) use critical::block_of;
pub use drift::Kind;
pub use judge::{hangs_on_siblings, judge};
pub use profile::{FunctionProfile, Profile, StateProfile, profile};
pub use world::{Load, World};

use model::{
    Attempt, Document, Execution, HistoryEvent, Invocation, Job, Join, LogRecord, Span, State,
};

/// Everything that is held about one execution, as facts and first derivations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Case {
    /// The execution.
    pub execution: Execution,
    /// Its state visits, in order of their events.
    pub states: Vec<State>,
    /// The tries of its tasks.
    pub attempts: Vec<Attempt>,
    /// The invocations that its attempts made.
    pub invocations: Vec<Invocation>,
    /// Which invocation, span or execution happened inside which attempt.
    pub joins: Vec<Join>,
    /// Its raw events.
    pub events: Vec<HistoryEvent>,
    /// Descriptions and definition.
    pub documents: Vec<Document>,
    /// Application and proxy spans below its invocations and attempts (not those derived from the history).
    pub spans: Vec<Span>,
    /// Lines of its invocations, and log records of its spans.
    pub logs: Vec<LogRecord>,
    /// Tasks and jobs in containers that its attempts waited for.
    pub jobs: Vec<Job>,
    /// Lines of workers that name a message of this execution whose answer never came, with what they wrote around them,
    /// in order of time ([`letters`]).
    pub heard: Vec<LogRecord>,
    /// What others wrote about those whom it waited for, where something failed or took long ([`overheard`]).
    pub overheard: Vec<LogRecord>,
    /// What its functions called by themselves, as far as its log is held ([`callees`]).
    pub called: Vec<callees::Callee>,
    /// The executions that it started, as far as their histories are held.
    pub children: Vec<Case>,
}
