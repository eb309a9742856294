//! What things are called: trades with their verbs, and schemes of writing names.

use demo::dice::Dice;

/// A line of business.
#[derive(Debug)]
pub struct Trade {
    /// What is worked on.
    pub noun: &'static str,
    /// What a list in it is called.
    pub items: &'static str,
    /// The workflow.
    pub flow: (&'static str, &'static str),
    /// Steps: verb and object.
    pub steps: &'static [(&'static str, &'static str)],
    /// Services that steps call.
    pub services: &'static [(&'static str, &'static str)],
    /// Stores.
    pub stores: &'static [&'static str],
    /// Somebody else's service.
    pub third: (&'static str, &'static str),
    /// What an application says when all is well.
    pub says: &'static [&'static str],
    /// What an application always complains of.
    pub grumbles: &'static [&'static str],
}

/// The trades of the first family: what the judge is tuned on.
pub const FIRST: [Trade; 4] = [
    Trade {
        noun: "order",
        items: "items",
        flow: ("order", "fulfilment"),
        steps: &[
            ("validate", "order"),
            ("quote", "shipping"),
            ("charge", "card"),
            ("reserve", "stock"),
            ("pack", "parcel"),
            ("notify", "customer"),
            ("score", "risk"),
            ("archive", "receipt"),
            ("issue", "invoice"),
            ("plan", "route"),
        ],
        services: &[
            ("payments", "POST /v1/charges"),
            ("pricing", "GET /v2/quotes"),
            ("inventory", "POST /reservations"),
            ("identity", "GET /customers/{id}"),
        ],
        stores: &["orders", "stock-levels", "receipts"],
        third: ("api.cardnetwork.example", "POST /authorize"),
        says: &[
            "processing started",
            "loaded configuration",
            "customer found",
            "done",
        ],
        grumbles: &[
            "deprecated field 'zip' in request",
            "cache miss for tariff table, falling back",
        ],
    },
    Trade {
        noun: "claim",
        items: "lines",
        flow: ("claims", "intake"),
        steps: &[
            ("register", "claim"),
            ("fetch", "policy"),
            ("check", "coverage"),
            ("estimate", "damage"),
            ("detect", "fraud"),
            ("approve", "payout"),
            ("send", "letter"),
            ("update", "ledger"),
            ("assign", "adjuster"),
            ("close", "file"),
        ],
        services: &[
            ("policies", "GET /policies/{id}"),
            ("ratings", "POST /rate"),
            ("documents", "POST /render"),
            ("ledger", "POST /entries"),
        ],
        stores: &["claims", "audit-trail", "customers"],
        third: ("fraud.scoring.example", "POST /v3/score"),
        says: &[
            "claim received",
            "policy attached",
            "rules evaluated",
            "step finished",
        ],
        grumbles: &["retrying telemetry flush", "slow query warning: 210 ms"],
    },
    Trade {
        noun: "video",
        items: "segments",
        flow: ("media", "publishing"),
        steps: &[
            ("probe", "source"),
            ("split", "video"),
            ("transcode", "segment"),
            ("extract", "audio"),
            ("make", "thumbnails"),
            ("merge", "segments"),
            ("moderate", "content"),
            ("write", "manifest"),
            ("publish", "asset"),
            ("purge", "cache"),
        ],
        services: &[
            ("encoder", "POST /jobs"),
            ("catalog", "PUT /assets/{id}"),
            ("moderation", "POST /scan"),
            ("cdn-admin", "POST /purge"),
        ],
        stores: &["assets", "manifests", "renditions"],
        third: ("api.captions.example", "POST /transcribe"),
        says: &[
            "source opened",
            "profile selected",
            "frames counted",
            "finished",
        ],
        grumbles: &[
            "non-monotonic DTS in stream 0",
            "falling back to software decoder",
        ],
    },
    Trade {
        noun: "payroll",
        items: "employees",
        flow: ("payroll", "monthly"),
        steps: &[
            ("load", "timesheets"),
            ("compute", "gross"),
            ("apply", "deductions"),
            ("compute", "taxes"),
            ("check", "limits"),
            ("create", "payslips"),
            ("transfer", "salaries"),
            ("book", "entries"),
            ("mail", "payslips"),
            ("archive", "run"),
        ],
        services: &[
            ("timekeeping", "GET /sheets"),
            ("taxes", "POST /compute"),
            ("bank", "POST /transfers"),
            ("people", "GET /employees/{id}"),
        ],
        stores: &["payslips", "bookings", "runs"],
        third: ("gateway.clearing.example", "POST /batch"),
        says: &[
            "run opened",
            "tables loaded",
            "totals computed",
            "step complete",
        ],
        grumbles: &["using last year's rounding table", "template cache is cold"],
    },
];

/// The trades of the second family: held out, used for reports only.
pub const SECOND: [Trade; 4] = [
    Trade {
        noun: "sample",
        items: "reads",
        flow: ("variant", "calling"),
        steps: &[
            ("stage", "reads"),
            ("align", "reads"),
            ("sort", "alignments"),
            ("mark", "duplicates"),
            ("call", "variants"),
            ("annotate", "variants"),
            ("filter", "calls"),
            ("report", "findings"),
            ("upload", "results"),
            ("tidy", "scratch"),
        ],
        services: &[
            ("refgenomes", "GET /indexes/{build}"),
            ("annotations", "POST /lookup"),
            ("lims", "PUT /samples/{id}"),
            ("consent", "GET /subjects/{id}"),
        ],
        stores: &["samples", "variants", "reports"],
        third: ("clinvar.mirror.example", "GET /records"),
        says: &[
            "sample accepted",
            "index mapped",
            "region list read",
            "all regions done",
        ],
        grumbles: &["skipping unmapped mate", "contig name without chr prefix"],
    },
    Trade {
        noun: "reading",
        items: "meters",
        flow: ("meter", "settlement"),
        steps: &[
            ("collect", "readings"),
            ("clean", "series"),
            ("fill", "gaps"),
            ("match", "contracts"),
            ("price", "usage"),
            ("settle", "balances"),
            ("export", "statements"),
            ("alert", "operators"),
            ("compact", "archive"),
            ("sync", "registry"),
        ],
        services: &[
            ("tariffs", "GET /tariffs/{zone}"),
            ("contracts", "POST /match"),
            ("forecast", "POST /forecast"),
            ("registry", "PUT /meters/{id}"),
        ],
        stores: &["series", "statements", "balances"],
        third: ("grid.operator.example", "POST /settlements"),
        says: &[
            "window opened",
            "series aligned",
            "batch priced",
            "window closed",
        ],
        grumbles: &["meter clock differs by 3 s", "using substitute value"],
    },
    Trade {
        noun: "trip",
        items: "legs",
        flow: ("trip", "booking"),
        steps: &[
            ("search", "offers"),
            ("hold", "seats"),
            ("book", "hotel"),
            ("book", "car"),
            ("verify", "passport"),
            ("pay", "deposit"),
            ("confirm", "trip"),
            ("send", "itinerary"),
            ("award", "miles"),
            ("release", "holds"),
        ],
        services: &[
            ("flights", "POST /holds"),
            ("hotels", "POST /bookings"),
            ("cars", "POST /rentals"),
            ("loyalty", "POST /accruals"),
        ],
        stores: &["trips", "holds", "travellers"],
        third: ("gds.airline.example", "POST /availability"),
        says: &[
            "offer selected",
            "hold placed",
            "traveller verified",
            "booking written",
        ],
        grumbles: &[
            "currency table is 2 h old",
            "loyalty tier missing, assuming base",
        ],
    },
    Trade {
        noun: "model",
        items: "shards",
        flow: ("nightly", "training"),
        steps: &[
            ("snapshot", "features"),
            ("shard", "dataset"),
            ("train", "shard"),
            ("average", "weights"),
            ("evaluate", "model"),
            ("compare", "champion"),
            ("register", "model"),
            ("warm", "endpoint"),
            ("switch", "traffic"),
            ("drop", "snapshot"),
        ],
        services: &[
            ("features", "POST /snapshots"),
            ("registry", "POST /models"),
            ("endpoints", "PUT /endpoints/{name}"),
            ("metrics", "POST /evaluations"),
        ],
        stores: &["weights", "lineage", "evaluations"],
        third: ("hub.weights.example", "GET /checkpoints"),
        says: &[
            "epoch finished",
            "weights loaded",
            "evaluation stored",
            "ok",
        ],
        grumbles: &[
            "feature 'age_bucket' has 3 % nulls",
            "non-deterministic kernel selected",
        ],
    },
];

/// How names are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `charge-card`
    Kebab,
    /// `charge_card`
    Snake,
    /// `chargeCard`
    Camel,
    /// `ChargeCard`
    Pascal,
    /// `Charge Card`, for states only.
    Spaced,
}

impl Scheme {
    /// Writes words.
    pub fn write(self, words: &[&str]) -> String {
        let words: Vec<&str> = words.iter().flat_map(|word| word.split('-')).collect();
        let capital = |word: &str| {
            let (head, tail) = word.split_at(word.len().min(1));
            head.to_uppercase() + tail
        };
        match self {
            Scheme::Kebab => words.join("-"),
            Scheme::Snake => words.join("_"),
            Scheme::Pascal => words.iter().map(|word| capital(word)).collect(),
            Scheme::Spaced => words
                .iter()
                .map(|word| capital(word))
                .collect::<Vec<_>>()
                .join(" "),
            Scheme::Camel => words
                .iter()
                .enumerate()
                .map(|(at, word)| {
                    if at == 0 {
                        (*word).to_owned()
                    } else {
                        capital(word)
                    }
                })
                .collect(),
        }
    }
}

/// The names of one mystery.
#[derive(Debug, Clone)]
pub struct Names {
    /// Makes names of one mystery differ from those of all others.
    pub tag: String,
    functions: Scheme,
    states: Scheme,
    tag_last: bool,
}

impl Names {
    /// Draws schemes.
    pub fn draw(dice: &mut Dice, seed: u64) -> Self {
        let letter = *dice.pick(&["a", "b", "d", "k", "m", "p", "q", "s", "t", "w"]);
        Names {
            tag: format!("{letter}{seed}"),
            functions: *dice.pick(&[
                Scheme::Kebab,
                Scheme::Kebab,
                Scheme::Snake,
                Scheme::Camel,
                Scheme::Pascal,
            ]),
            states: *dice.pick(&[
                Scheme::Pascal,
                Scheme::Pascal,
                Scheme::Spaced,
                Scheme::Snake,
                Scheme::Camel,
            ]),
            tag_last: dice.chance(0.4),
        }
    }

    /// Name of a function.
    pub fn function(&self, words: &[&str]) -> String {
        self.tagged(self.functions, words)
    }

    /// Name of a state.
    pub fn state(&self, words: &[&str]) -> String {
        self.states.write(words)
    }

    /// Name of a state machine.
    pub fn machine(&self, words: &[&str]) -> String {
        self.tagged(self.functions, words)
    }

    /// Name of a service, store, queue or job.
    pub fn service(&self, word: &str) -> String {
        format!("{word}-{}", self.tag)
    }

    fn tagged(&self, scheme: Scheme, words: &[&str]) -> String {
        let mut all = words.to_vec();
        match self.tag_last {
            true => all.push(&self.tag),
            false => all.insert(0, &self.tag),
        }
        scheme.write(&all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_in_schemes() {
        let check =
            |scheme: Scheme, expect: &str| assert_eq!(scheme.write(&["charge", "card"]), expect);
        check(Scheme::Kebab, "charge-card");
        check(Scheme::Snake, "charge_card");
        check(Scheme::Camel, "chargeCard");
        check(Scheme::Pascal, "ChargeCard");
        check(Scheme::Spaced, "Charge Card");
    }
}
