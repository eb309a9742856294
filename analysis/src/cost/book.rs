//! The price book: a data file with a date, a source, and prices by region.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The book that is built in.
const BUILT_IN: &str = include_str!("prices.json");
/// Regions and functions that a book may have.
const MOST_ENTRIES: usize = 10_000;
/// `like` may lead through so many regions.
const MOST_STEPS: usize = 8;

/// Why a price book cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// It is not JSON of the right shape.
    #[error("the price book is not JSON of the expected shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// A price is no decimal number in dollars.
    #[error(
        "the price book's {region} {name} is '{text}': write dollars as decimal text with at most 12 \
         digits behind the point, such as \"0.0000166667\""
    )]
    Price {
        /// Region.
        region: String,
        /// Name of the price.
        name: String,
        /// What stands there.
        text: String,
    },
    /// A name that no price has.
    #[error(
        "the price book's {region} has a price '{name}', which nothing is billed by; docs/cost.md lists the names"
    )]
    Name {
        /// Region.
        region: String,
        /// The name.
        name: String,
    },
    /// `like` names a region that is not in the book, or goes in a circle.
    #[error("the price book's {region} is like '{like}', which leads nowhere")]
    Like {
        /// Region.
        region: String,
        /// What it says.
        like: String,
    },
    /// Too much of it.
    #[error("the price book has more than {MOST_ENTRIES} regions or functions")]
    TooMany,
}

/// Prices, in pico-dollars, and what is known about single functions.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceBook {
    /// Date of the prices, `2026-01-31`.
    pub date: String,
    /// Where they are from.
    pub source: String,
    regions: BTreeMap<String, BTreeMap<String, i64>>,
    functions: BTreeMap<String, FunctionFacts>,
}

/// What neither a history nor a log says of a function, told in the price book.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionFacts {
    /// `x86_64` or `arm64`.
    pub architecture: Option<String>,
    /// Megabytes of /tmp.
    pub ephemeral_storage_mb: Option<i64>,
}

#[derive(Deserialize)]
struct File {
    date: String,
    source: String,
    #[serde(default)]
    currency: Option<String>,
    regions: BTreeMap<String, Region>,
    #[serde(default)]
    functions: BTreeMap<String, FunctionFacts>,
}

#[derive(Clone, Deserialize)]
struct Region {
    /// Prices of that region, unless said otherwise here.
    #[serde(default)]
    like: Option<String>,
    /// Of these, only names that begin so.
    #[serde(default)]
    only: Option<BTreeSet<String>>,
    #[serde(flatten)]
    prices: BTreeMap<String, String>,
}

/// The prices that something is billed by. EC2 adds `ec2_hour:` and an instance type.
const NAMES: [&str; 22] = [
    "lambda_request",
    "lambda_gb_second_x86_64",
    "lambda_gb_second_arm64",
    "lambda_provisioned_gb_second_x86_64",
    "lambda_provisioned_gb_second_arm64",
    "lambda_ephemeral_gb_second",
    "lambda_restore_gb",
    "states_transition",
    "states_express_request",
    "states_express_gb_second",
    "fargate_vcpu_hour_x86_64",
    "fargate_gb_hour_x86_64",
    "fargate_vcpu_hour_arm64",
    "fargate_gb_hour_arm64",
    "fargate_vcpu_hour_windows",
    "fargate_gb_hour_windows",
    "fargate_storage_gb_hour",
    "glue_dpu_hour",
    "glue_flex_dpu_hour",
    "provisioned_held_gb_second_x86_64",
    "provisioned_held_gb_second_arm64",
    "logs_gb",
];

impl PriceBook {
    /// The built-in book.
    pub fn built_in() -> Self {
        PriceBook::read(BUILT_IN).unwrap_or_else(|_| PriceBook {
            date: String::new(),
            source: String::new(),
            regions: BTreeMap::new(),
            functions: BTreeMap::new(),
        })
    }

    /// Reads a book.
    ///
    /// # Errors
    /// When it is not one, with the place in it.
    pub fn read(text: &str) -> Result<Self, BookError> {
        let file: File = serde_json::from_str(text)?;
        if file.currency.as_deref().is_some_and(|it| it != "USD") {
            let problem = serde::de::Error::custom("the currency must be USD");
            return Err(BookError::Shape(problem));
        }
        if file.regions.len() > MOST_ENTRIES || file.functions.len() > MOST_ENTRIES {
            return Err(BookError::TooMany);
        }
        let mut regions = BTreeMap::new();
        for name in file.regions.keys() {
            regions.insert(name.clone(), prices(&file.regions, name, name, MOST_STEPS)?);
        }
        Ok(PriceBook {
            date: file.date,
            source: file.source,
            regions,
            functions: file.functions,
        })
    }

    /// Pico-dollars for a unit; `None` if the book does not know the region or has no such price.
    pub fn price(&self, region: &str, name: &str) -> Option<i64> {
        self.regions.get(region)?.get(name).copied()
    }

    /// What is told about a function.
    pub fn function(&self, name: &str) -> Option<&FunctionFacts> {
        self.functions.get(name)
    }

    /// The regions that it knows.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.keys().map(String::as_str)
    }
}

fn prices(
    all: &BTreeMap<String, Region>,
    asked: &str,
    name: &str,
    steps: usize,
) -> Result<BTreeMap<String, i64>, BookError> {
    let lost = |like: &str| BookError::Like {
        region: asked.to_owned(),
        like: like.to_owned(),
    };
    let region = all
        .get(name)
        .filter(|_| steps > 0)
        .ok_or_else(|| lost(name))?;
    let mut held = match &region.like {
        Some(like) => prices(all, asked, like, steps - 1)?,
        None => BTreeMap::new(),
    };
    if let Some(only) = &region.only {
        held.retain(|name, _| only.iter().any(|start| name.starts_with(start.as_str())));
    }
    for (price, text) in &region.prices {
        if !NAMES.contains(&price.as_str()) && !price.starts_with("ec2_hour:") {
            return Err(BookError::Name {
                region: name.to_owned(),
                name: price.clone(),
            });
        }
        let pico = picodollars(text).ok_or_else(|| BookError::Price {
            region: name.to_owned(),
            name: price.clone(),
            text: text.clone(),
        })?;
        held.insert(price.clone(), pico);
    }
    Ok(held)
}

/// Decimal dollars to pico-dollars, exactly.
fn picodollars(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 12 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let rest: i64 = format!("{decimals:0<12}").parse().ok()?;
    whole
        .checked_mul(model::cost::PICO_PER_USD)?
        .checked_add(rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_built_in_book_can_be_read() {
        let book = PriceBook::read(BUILT_IN).unwrap();
        assert_eq!(
            book.price("us-east-1", "lambda_gb_second_x86_64"),
            Some(16_666_700)
        );
        assert_eq!(
            book.price("sa-east-1", "states_transition"),
            Some(37_500_000)
        );
        assert_eq!(book.price("sa-east-1", "logs_gb"), None);
        assert_eq!(book.price("eu-west-1", "logs_gb"), Some(570_000_000_000));
        assert_eq!(book.price("mars-1", "lambda_request"), None);
        assert!(!book.date.is_empty() && !book.source.is_empty());
    }

    #[test]
    fn wrong_books_are_told_where_they_are_wrong() {
        let check = |regions: &str, expect: &str| {
            let text = format!(r#"{{"date": "d", "source": "s", "regions": {regions}}}"#);
            let error = PriceBook::read(&text).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(
            r#"{"r": {"lambda_request": "1e-6"}}"#,
            "r lambda_request is '1e-6'",
        );
        check(
            r#"{"r": {"lambda_request": "0.0000000000001"}}"#,
            "12 digits",
        );
        check(r#"{"r": {"lambda_request": "-1"}}"#, "'-1'");
        check(r#"{"r": {"lambda_reqest": "1"}}"#, "'lambda_reqest'");
        check(r#"{"r": {"like": "r"}}"#, "leads nowhere");
        check(r#"{"r": {"like": "x"}}"#, "'x'");
        check("3", "expected shape");
        check(r#"{"r": {"lambda_request": "99999999999"}}"#, "99999999999");
    }
}
