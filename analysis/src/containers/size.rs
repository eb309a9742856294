//! What a task or job is billed for: its size, where it ran, and how long.

use super::{All, Try};
use model::{Attributes, Value};
use serde_json::Value as Json;

/// CPU units in a vCPU.
const UNITS: f64 = 1_024.0;
/// A task on Fargate, an instance under a job: a minute at least is paid for.
const SHORTEST_NS: i64 = 60_000_000_000;

impl All {
    /// Attributes for the bill, as far as they are told: `docs/cost.md` names them.
    pub(super) fn size(&self, task: bool, tries: &[Try]) -> Attributes {
        let mut size = Attributes::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                size.insert(name.to_owned(), value);
            }
        };
        let (vcpus, memory) = match task {
            true => (
                self.number("/cpu").map(|units| units / UNITS),
                self.number("/memory"),
            ),
            false => (
                self.asked("VCPU").or(self.number("/container/vcpus")),
                self.asked("MEMORY").or(self.number("/container/memory")),
            ),
        };
        set("inquest.container.vcpus", vcpus.map(Value::Double));
        set("inquest.container.memory_mb", memory.map(Value::Double));
        let storage = [
            "/ephemeralStorage/sizeInGiB",
            "/container/ephemeralStorage/sizeInGiB",
        ];
        let storage = storage.iter().find_map(|pointer| self.number(pointer));
        set("inquest.container.storage_gb", storage.map(Value::Double));
        set("aws.ecs.launchtype", self.launch(task).map(Value::String));
        set("os.type", self.system().map(Value::from));
        set("host.arch", self.architecture().map(Value::from));
        set(
            "inquest.container.billed_ns",
            self.billed_ns(task, tries).map(Value::Int),
        );
        size
    }

    fn number(&self, pointer: &str) -> Option<f64> {
        let read = |value: &Json| match value {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let told = self.read.iter().rev().find_map(|it| read(it.at(pointer)?));
        told.filter(|number| number.is_finite() && *number > 0.0)
    }

    /// Batch's `resourceRequirements`.
    fn asked(&self, kind: &str) -> Option<f64> {
        let lists = self.read.iter().rev();
        let mut lists = lists.filter_map(|it| it.at("/container/resourceRequirements")?.as_array());
        lists.find_map(|list| {
            let one = list
                .iter()
                .find(|it| it.get("type").and_then(Json::as_str) == Some(kind))?;
            one.get("value")?.as_str()?.parse().ok()
        })
    }

    /// `FARGATE`, `FARGATE_SPOT` or `EC2`.
    fn launch(&self, task: bool) -> Option<String> {
        if task {
            return self
                .text("/capacityProviderName")
                .filter(|it| it.starts_with("FARGATE"))
                .or_else(|| self.text("/launchType"));
        }
        let platform = |it: &super::Read| {
            it.at("/container/fargatePlatformConfiguration").is_some()
                || it
                    .at("/platformCapabilities")
                    .and_then(Json::as_array)
                    .is_some_and(|list| list.iter().any(|it| it.as_str() == Some("FARGATE")))
        };
        let kind = if self.read.iter().any(platform) {
            "FARGATE"
        } else {
            "EC2"
        };
        Some(kind.to_owned())
    }

    /// Windows costs more, and its licence (`platformFamily`, `operatingSystemFamily`).
    fn system(&self) -> Option<&'static str> {
        let told = self
            .text("/platformFamily")
            .or_else(|| self.text("/container/runtimePlatform/operatingSystemFamily"))?;
        let windows = told.to_ascii_lowercase().starts_with("windows");
        Some(if windows { "windows" } else { "linux" })
    }

    fn architecture(&self) -> Option<&'static str> {
        let told = self
            .text("/container/runtimePlatform/cpuArchitecture")
            .or_else(|| {
                let attributes = self.read.iter().rev();
                let mut attributes = attributes.filter_map(|it| it.at("/attributes")?.as_array());
                attributes.find_map(|list| {
                    let name = |it: &&Json| {
                        it.get("name").and_then(Json::as_str) == Some("ecs.cpu-architecture")
                    };
                    Some(list.iter().find(name)?.get("value")?.as_str()?.to_owned())
                })
            })?;
        match told.to_ascii_lowercase().as_str() {
            "arm64" => Some("arm64"),
            "x86_64" => Some("amd64"),
            _ => None,
        }
    }

    /// From the image pull to the stop; of a Batch job its tries, each of which is a task with its own least time. 0 if it
    /// stopped before anything began.
    fn billed_ns(&self, task: bool, tries: &[Try]) -> Option<i64> {
        if !task && !tries.is_empty() {
            let began = tries.iter().filter_map(|it| Some((it.start?, it.end)));
            let each = began.map(|(start, end)| Some(end?.since(start).max(SHORTEST_NS)));
            return each.sum();
        }
        let stopped = self.time("/stoppedAt")?;
        let began = self
            .time("/pullStartedAt")
            .or_else(|| self.time("/startedAt"));
        Some(began.map_or(0, |from| stopped.since(from).max(1)))
    }
}
