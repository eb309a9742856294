use super::*;
use crate::{
    notification::{Incident, SloRef},
    silence::Silence,
};
use std::{collections::BTreeSet, path::Path};

const SECOND: i64 = 1_000_000_000;

struct Bench {
    state: State,
    receivers: Receivers,
    /// What arrived, as `receiver kind incident`.
    arrived: Vec<String>,
}

fn at(seconds: i64) -> UnixNanos {
    UnixNanos(seconds * SECOND)
}

fn bench(settings: &str) -> Bench {
    let text = settings.split('|').enumerate().map(|(index, extra)| {
        let name = char::from(b'a' + u8::try_from(index).expect("few"));
        format!("[[receiver]]\nname='{name}'\nformat='webhook'\nurl='https://x.example'\n{extra}\n")
    });
    let text: String = text.collect();
    Bench {
        state: State::in_memory().expect("opens"),
        receivers: Receivers::parse(&text, Path::new("/")).expect("parses"),
        arrived: Vec::new(),
    }
}

impl Bench {
    fn say(&self, kind: Kind, incident: &str, seconds: i64) -> usize {
        let message = Notification {
            kind,
            severity: "page".into(),
            incident: Incident {
                key: incident.into(),
                ..Incident::default()
            },
            slo: SloRef {
                name: "checkout".into(),
                ..SloRef::default()
            },
            ..Notification::default()
        };
        self.state
            .write(|changes| enqueue(changes, &self.receivers, &message, at(seconds)))
            .expect("enqueued")
    }

    /// Delivers what is due; `answer` decides by receiver.
    fn deliver(&mut self, seconds: i64, answer: impl Fn(&str) -> Outcome) -> usize {
        let plan =
            plan(&self.state, &self.silences(), &BTreeSet::new(), at(seconds)).expect("planned");
        let mut tried = 0;
        for number in plan.due {
            let Some(job) =
                begin(&self.state, &self.receivers, number, at(seconds)).expect("begun")
            else {
                continue;
            };
            tried += 1;
            let outcome = answer(&job.message.receiver);
            if outcome == Outcome::Delivered {
                let said = &job.message.notification;
                self.arrived.push(format!(
                    "{} {} {}",
                    job.message.receiver,
                    said.kind.as_str().rsplit('.').next().expect("a word"),
                    said.incident.key
                ));
            }
            let attempt = Attempt {
                at: at(seconds),
                error: "no".into(),
                ..Attempt::default()
            };
            record(&self.state, &self.receivers, number, &outcome, attempt).expect("recorded");
        }
        tried
    }

    fn silences(&self) -> Vec<Silence> {
        crate::silence::list(&self.state).expect("listed")
    }

    fn statuses(&self) -> Vec<&'static str> {
        let mut all = messages(&self.state, None, 100).expect("listed");
        all.reverse();
        all.iter().map(|it| it.status.as_str()).collect()
    }
}

fn yes(_: &str) -> Outcome {
    Outcome::Delivered
}

fn again(_: &str) -> Outcome {
    Outcome::Again { asked_s: None }
}

#[test]
fn a_thread_is_told_in_order_and_once() {
    let mut bench = bench("");
    bench.say(Kind::Firing, "i", 0);
    assert_eq!(bench.deliver(0, yes), 1);
    bench.say(Kind::Updated, "i", 1);
    bench.say(Kind::Resolved, "i", 2);
    bench.deliver(2, yes);
    assert_eq!(bench.deliver(3, yes), 0);
    assert_eq!(bench.arrived, ["a firing i", "a resolved i"]);
    assert_eq!(bench.statuses(), ["delivered", "superseded", "delivered"]);
}

#[test]
fn who_never_heard_the_beginning_does_not_hear_the_end() {
    let mut bench = bench("");
    bench.say(Kind::Firing, "i", 0);
    assert_eq!(bench.deliver(0, again), 1);
    bench.say(Kind::Resolved, "i", 1);
    assert_eq!(bench.deliver(100, yes), 0);
    assert_eq!(bench.statuses(), ["superseded", "dropped"]);
    let mut asked = super::tests::bench("resolve_undelivered=true");
    asked.say(Kind::Resolved, "i", 1);
    asked.deliver(1, yes);
    assert_eq!(asked.arrived, ["a resolved i"]);
}

#[test]
fn an_update_of_what_never_arrived_arrives_as_the_beginning() {
    let mut bench = bench("");
    bench.say(Kind::Firing, "i", 0);
    bench.deliver(0, again);
    bench.say(Kind::Updated, "i", 1);
    bench.deliver(100, yes);
    assert_eq!(bench.arrived, ["a firing i"]);
}

#[test]
fn what_may_have_arrived_is_ended() {
    let mut bench = bench("");
    bench.say(Kind::Firing, "i", 0);
    let number = plan(&bench.state, &[], &BTreeSet::new(), at(0))
        .expect("planned")
        .due[0];
    let first = begin(&bench.state, &bench.receivers, number, at(0))
        .expect("begun")
        .expect("a job");
    // Killed here. The same message is due again, under the same id.
    let again = plan(&bench.state, &[], &BTreeSet::new(), at(1))
        .expect("planned")
        .due;
    assert_eq!(again, [number]);
    bench.say(Kind::Resolved, "i", 1);
    bench.deliver(2, yes);
    assert_eq!(bench.arrived, ["a resolved i"]);
    let held = messages(&bench.state, None, 10).expect("listed");
    assert_eq!(held[1].id, first.message.id);
}

#[test]
fn one_that_is_busy_or_down_does_not_hold_up_the_others() {
    let mut bench = bench("|");
    bench.say(Kind::Firing, "i", 0);
    bench.say(Kind::Firing, "j", 0);
    let answer = |receiver: &str| match receiver {
        "a" => Outcome::Again { asked_s: Some(60) },
        _ => Outcome::Delivered,
    };
    bench.deliver(0, answer);
    assert_eq!(bench.arrived, ["b firing i", "b firing j"]);
    // It asked for a minute: it is left alone, all its threads.
    assert_eq!(bench.deliver(59, yes), 0);
    bench.deliver(61, yes);
    assert_eq!(bench.arrived[2..], ["a firing i", "a firing j"]);
}

#[test]
fn a_busy_thread_waits() {
    let bench = bench("");
    bench.say(Kind::Firing, "i", 0);
    let busy = BTreeSet::from([("a".to_owned(), "i".to_owned())]);
    let held = plan(&bench.state, &[], &busy, at(0)).expect("planned");
    assert_eq!(held, Plan::default());
}

#[test]
fn a_dead_letter_is_kept_and_replayed() {
    let mut bench = bench("");
    bench.say(Kind::Firing, "i", 0);
    bench.deliver(0, |_| Outcome::Refused);
    assert_eq!(bench.statuses(), ["dead"]);
    assert_eq!(bench.deliver(1_000_000, yes), 0);
    let message = replay(&bench.state, "1", false, at(5)).expect("replayed");
    bench.deliver(5, yes);
    assert_eq!(bench.arrived, ["a firing i"]);
    assert!(replay(&bench.state, &message.id, false, at(6)).is_err());
    assert!(replay(&bench.state, "77", false, at(6)).is_err());
}

#[test]
fn an_old_state_is_not_replayed_over_a_newer_one() {
    let mut bench = bench("");
    bench.say(Kind::Firing, "i", 0);
    bench.deliver(0, |_| Outcome::Refused);
    bench.say(Kind::Updated, "i", 1);
    bench.deliver(1, yes);
    let error = replay(&bench.state, "1", false, at(2)).expect_err("refused");
    assert!(error.to_string().contains("newer"), "{error}");
    assert!(replay(&bench.state, "1", true, at(2)).is_ok());
}

#[test]
fn after_so_many_failures_the_fallback_is_told_and_hears_the_end() {
    let mut bench = bench("fallback='b'\nfallback_after=2|kinds=['nothing']");
    bench.say(Kind::Firing, "i", 0);
    let only_b = |receiver: &str| match receiver {
        "a" => Outcome::Again { asked_s: None },
        _ => Outcome::Delivered,
    };
    bench.deliver(0, only_b);
    bench.deliver(2, only_b);
    bench.deliver(2, only_b);
    assert_eq!(bench.arrived, ["b firing i"]);
    bench.deliver(10, only_b);
    bench.say(Kind::Resolved, "i", 20);
    bench.deliver(40, only_b);
    assert_eq!(bench.arrived, ["b firing i", "b resolved i"]);
}

#[test]
fn who_is_gone_is_left_alone_until_the_settings_change() {
    let mut bench = bench("");
    bench.say(Kind::Firing, "i", 0);
    bench.deliver(0, |_| Outcome::Gone);
    bench.say(Kind::Firing, "j", 1);
    assert_eq!(bench.deliver(1, yes), 0);
    assert_eq!(bench.statuses(), ["dead", "dead"]);
    bench.receivers.list[0].fingerprint = "other".into();
    bench.say(Kind::Firing, "k", 2);
    bench.deliver(2, yes);
    assert_eq!(bench.arrived, ["a firing k"]);
}

#[test]
fn a_silence_holds_back_and_then_lets_go() {
    let mut bench = bench("");
    let silence = Silence {
        slo: "check*".into(),
        from: at(0),
        until: at(100),
        ..Silence::default()
    };
    crate::silence::add(&bench.state, silence, at(0)).expect("made");
    bench.say(Kind::Firing, "i", 1);
    bench.say(Kind::Firing, "j", 1);
    assert_eq!(bench.deliver(1, yes), 0);
    bench.say(Kind::Resolved, "j", 50);
    bench.deliver(99, yes);
    assert_eq!(bench.arrived, Vec::<String>::new());
    bench.deliver(100, yes);
    assert_eq!(bench.arrived, ["a firing i"]);
}

#[test]
fn notices_stand_for_themselves() {
    let mut bench = bench("");
    bench.say(Kind::ExperimentCharged, "i", 0);
    bench.say(Kind::ExperimentCharged, "i", 0);
    bench.say(Kind::Firing, "i", 0);
    for second in 0..3 {
        bench.deliver(second, yes);
    }
    assert_eq!(bench.arrived, ["a charged i", "a charged i", "a firing i"]);
}

#[test]
fn a_message_is_given_up_after_days() {
    let mut bench = bench("");
    bench.say(Kind::Firing, "i", 0);
    let mut tried = 0;
    for day in 0..60 {
        tried += bench.deliver(day * 86_400 * 2, again);
    }
    assert_eq!(
        tried,
        usize::try_from(crate::schedule::ATTEMPTS).expect("few")
    );
    assert_eq!(bench.statuses(), ["dead"]);
}

#[test]
fn an_objective_may_name_who_is_told() {
    let bench = bench("slos=['nothing']|severities=['page']|severities=['ticket']");
    let check = |names: &[&str], expect: &[&str]| {
        let message = Notification {
            severity: "page".into(),
            incident: Incident {
                key: format!("i/{}", names.join("+")),
                ..Incident::default()
            },
            receivers: names.iter().map(|it| (*it).to_owned()).collect(),
            ..Notification::default()
        };
        let before = messages(&bench.state, None, usize::MAX)
            .expect("read")
            .len();
        let told = bench
            .state
            .write(|changes| enqueue(changes, &bench.receivers, &message, at(1)))
            .expect("enqueued");
        let all = messages(&bench.state, None, usize::MAX).expect("read");
        let mut names: Vec<&str> = all[..all.len() - before]
            .iter()
            .map(|it| it.receiver.as_str())
            .collect();
        names.sort_unstable();
        assert_eq!((told, names.as_slice()), (expect.len(), expect));
    };
    // Nobody named: those whose settings fit. A name goes before the choice of objectives, and not before
    // that of severities; a name that nobody has tells the usual ones.
    check(&[], &["b"]);
    check(&["a"], &["a"]);
    check(&["a", "c"], &["a"]);
    check(&["nobody"], &["b"]);
}
