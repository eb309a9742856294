//! Faults of functions: their code, package, memory and time limit.

use super::{Crime, Fault, Guilt, nothing_prepared, nothing_wanted};
use crate::setting::{Setting, Wants};
use crate::world::{Language, Window};
use demo::dice::Dice;
use model::Category;

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault {
            number: 1,
            name: "cold_start",
            wants: nothing_wanted,
            prepare: slow_init,
            commit: cold_start,
        },
        Fault {
            number: 4,
            name: "timeout_too_small",
            wants: nothing_wanted,
            prepare: long_work,
            commit: timeout_too_small,
        },
        Fault {
            number: 5,
            name: "out_of_memory",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: out_of_memory,
        },
        Fault {
            number: 6,
            name: "init_failure",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: init_failure,
        },
        Fault {
            number: 11,
            name: "canary_version",
            wants: told_version,
            prepare: nothing_prepared,
            commit: canary,
        },
        Fault {
            number: 33,
            name: "bad_release",
            wants: told_version,
            prepare: nothing_prepared,
            commit: bad_release,
        },
        Fault {
            number: 34,
            name: "expired",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: expired,
        },
    ]
}

fn told_version(_: &mut Dice) -> Wants {
    Wants {
        invoke: true,
        ..Wants::default()
    }
}

/// The same part for preparation and deed.
fn target(setting: &Setting) -> usize {
    let mut dice = setting.world.chance.of("target");
    setting.victim(&mut dice)
}

fn slow_init(setting: &mut Setting, dice: &mut Dice) {
    let part = setting.part(target(setting));
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    function.versions[0].init_ms = 2_500.0 + 5_000.0 * dice.unit();
    function.versions[0].timeout_ms = 30_000.0;
}

fn cold_start(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let part = setting.part(target(setting));
    let t0 = setting.t0;
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    if dice.chance(0.4) {
        let memory = function.newest(t0).memory_mb;
        let number = function.newest(t0).number;
        // A change of a variable: the same code in new sandboxes.
        function.recycled.push(Window {
            from: t0,
            until: i64::MAX,
        });
        setting.tell(
            t0,
            "config",
            &part.function,
            &format!("environment updated (version {number}, {memory:.0} MB)"),
        );
    } else {
        function.recycled.push(Window::since(t0));
    }
    Guilt::of("function", &part.function, Category::ColdStart).into()
}

fn long_work(setting: &mut Setting, dice: &mut Dice) {
    let part = setting.part(target(setting));
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    function.versions[0].work_ms = 2_600.0 + 2_000.0 * dice.unit();
    function.versions[0].timeout_ms = 15_000.0;
}

fn timeout_too_small(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let part = setting.part(target(setting));
    let (t0, seconds) = (setting.t0, dice.between(1, 2));
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    function.publish(t0, |version| version.timeout_ms = seconds as f64 * 1000.0);
    setting.tell(
        t0,
        "config",
        &part.function,
        &format!("timeout 15 s -> {seconds} s"),
    );
    Guilt::of("function", &part.function, Category::TimeoutConfig).into()
}

fn out_of_memory(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let part = setting.part(target(setting));
    let t0 = setting.t0;
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    let over = 1.1 + 0.4 * dice.unit();
    match dice.between(0, 2) {
        0 => {
            let number = function.publish(t0, |version| version.base_mb = version.memory_mb * over);
            setting.tell(
                t0,
                "lambda",
                &part.function,
                &format!("published version {number}"),
            );
        }
        1 => {
            function.publish(t0, |version| {
                version.memory_mb = (version.base_mb * 0.8).max(128.0).floor();
                version.base_mb = version.base_mb.max(140.0);
            });
            setting.tell(t0, "config", &part.function, "memory size lowered");
        }
        // The data that it keeps in memory has grown, without any release.
        _ => {
            let number = function.newest(t0).number;
            function.publish(t0, |version| {
                version.base_mb = version.memory_mb * over;
                version.number = number;
            });
        }
    }
    let released = setting.world.functions[&part.function].versions.len() > 1;
    let guilt = Guilt::of("function", &part.function, Category::Memory);
    match released {
        true => guilt,
        false => guilt,
    }
    .into()
}

fn init_failure(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let part = setting.part(target(setting));
    let t0 = setting.t0;
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    let (kind, message) = match function.language {
        Language::Python => ("Runtime.ImportModuleError", format!("Unable to import module 'app': No module named '{}'", dice.pick(&["requests", "pydantic", "orjson"]))),
        Language::Node => ("Runtime.ImportModuleError", format!("Error: Cannot find module '{}'\nRequire stack:\n- /var/task/index.mjs", dice.pick(&["axios", "zod", "@aws-sdk/client-s3"]))),
        Language::Java => ("Runtime.ClassNotFound", "Class not found: com.example.flow.Handler".to_owned()),
        Language::Go => ("Runtime.InvalidEntrypoint", "RequestId: - Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".to_owned()),
    };
    let number = function.publish(t0, |version| {
        version.broken_init = Some((kind.to_owned(), message))
    });
    setting.tell(
        t0,
        "lambda",
        &part.function,
        &format!("published version {number}"),
    );
    Guilt::of("function", &part.function, Category::BadDeploy).into()
}

/// A mistake in code: (type, message).
fn mistake(language: Language, dice: &mut Dice) -> (String, String) {
    let (kind, message) = match language {
        Language::Python => *dice.pick(&[
            ("AttributeError", "'NoneType' object has no attribute 'get'"),
            (
                "TypeError",
                "unsupported operand type(s) for +: 'int' and 'str'",
            ),
            ("IndexError", "list index out of range"),
        ]),
        Language::Node => *dice.pick(&[
            (
                "TypeError",
                "Cannot read properties of undefined (reading 'length')",
            ),
            ("ReferenceError", "options is not defined"),
            ("SyntaxError", "Unexpected token u in JSON at position 0"),
        ]),
        Language::Java => *dice.pick(&[
            ("java.lang.IllegalStateException", "no mapping for value"),
            (
                "java.lang.ClassCastException",
                "class java.lang.String cannot be cast to class java.lang.Integer",
            ),
        ]),
        Language::Go => *dice.pick(&[
            (
                "runtime.boundsError",
                "runtime error: index out of range [3] with length 3",
            ),
            ("*errors.errorString", "unknown discriminator"),
        ]),
    };
    (kind.to_owned(), message.to_owned())
}

fn canary(setting: &mut Setting, dice: &mut Dice) -> Crime {
    release(setting, dice, 0.45)
}

fn bad_release(setting: &mut Setting, dice: &mut Dice) -> Crime {
    release(setting, dice, 1.0)
}

fn release(setting: &mut Setting, dice: &mut Dice, share: f64) -> Crime {
    let part = setting.part(target(setting));
    let t0 = setting.t0;
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    let (kind, message) = mistake(function.language, dice);
    let number = function.publish(t0, |version| {
        version.bug = Some((t0, kind, message));
        version.share = share;
    });
    setting.tell(
        t0,
        "lambda",
        &part.function,
        &format!("published version {number}, weight {:.0} %", share * 100.0),
    );
    Guilt::of("function", &part.function, Category::BadDeploy).into()
}

/// Something runs out at a moment, without any release.
fn expired(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let part = setting.part(target(setting));
    commit_expired(setting, dice, &part.function)
}

/// Lets a function fail from the moment of the fault on, without a release.
pub(super) fn commit_expired(setting: &mut Setting, dice: &mut Dice, function: &str) -> Crime {
    let t0 = setting.t0;
    let function = setting
        .world
        .functions
        .get_mut(function)
        .expect("parts have functions");
    let text = *dice.pick(&[
        "license expired",
        "signing key is past its validity",
        "no exchange rate for the current period",
        "calendar has no entry for this week",
    ]);
    let kind = match function.language {
        Language::Python => "RuntimeError",
        Language::Node => "Error",
        Language::Java => "java.lang.IllegalStateException",
        Language::Go => "*errors.errorString",
    };
    for version in &mut function.versions {
        version.bug = Some((t0, kind.to_owned(), text.to_owned()));
    }
    Guilt::of("function", &function.name, Category::Error).into()
}
