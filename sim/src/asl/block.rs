//! Map and Parallel.

use super::{Execution, Scope, Step, error, path};
use demo::run::{Cursor, Failure, Run};
use serde_json::{Value, json};

impl Execution<'_> {
    pub(super) fn map(
        &mut self,
        run: &mut Run,
        at: &mut Cursor,
        step: &Step<'_>,
        input: &Value,
        entered: usize,
        attempt: usize,
    ) -> Result<Value, Failure> {
        let place = step.state["ItemsPath"].as_str().unwrap_or("$");
        let items = path::get(place, input, &step.scope.context)
            .and_then(Value::as_array)
            .cloned();
        let items = items.ok_or_else(|| error::unreadable(place, step.name, entered, input))?;
        let concurrency = step.state["MaxConcurrency"]
            .as_u64()
            .filter(|most| *most > 0)
            .unwrap_or(40) as usize;
        let flow = [&step.state["ItemProcessor"], &step.state["Iterator"]]
            .into_iter()
            .find(|flow| flow.is_object())
            .cloned()
            .unwrap_or_default();
        let selector = [step.state.get("ItemSelector"), step.state.get("Parameters")]
            .into_iter()
            .flatten()
            .next()
            .cloned();
        run.iterations(
            at,
            step.name,
            &items,
            concurrency.max(2),
            &mut |run, at, index, item| {
                let mut context = step.scope.context.clone();
                context["Map"] = json!({"Item": {"Index": index, "Value": item}});
                let input = match &selector {
                    Some(template) => self.fill(
                        &Step {
                            scope: &Scope {
                                context: context.clone(),
                                ..step.scope.clone()
                            },
                            ..*step
                        },
                        template,
                        input,
                        entered,
                    )?,
                    None => item.clone(),
                };
                let scope = Scope {
                    flow: flow.clone(),
                    place: format!("{}[{index}]{}/", step.place(), again(attempt)),
                    context,
                };
                at.at += self.overhead(&scope.place);
                self.flow(run, at, &scope, input)
            },
        )
    }

    pub(super) fn parallel(
        &mut self,
        run: &mut Run,
        at: &mut Cursor,
        step: &Step<'_>,
        input: &Value,
        attempt: usize,
    ) -> Result<Value, Failure> {
        let branches = step.state["Branches"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        run.side_by_side(at, branches.len(), &mut |run, at, index| {
            let scope = Scope {
                flow: branches[index].clone(),
                place: format!("{}|{index}{}/", step.place(), again(attempt)),
                context: step.scope.context.clone(),
            };
            at.at += self.overhead(&scope.place);
            self.flow(run, at, &scope, input.clone())
        })
    }
}

fn again(attempt: usize) -> String {
    match attempt {
        0 => String::new(),
        attempt => format!("~{attempt}"),
    }
}
