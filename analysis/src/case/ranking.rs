//! From clues to ranked suspects: what speaks against the same suspect adds up, and who only carried on what
//! somebody else did steps back.

use super::{
    clue::{Clue, Explained},
    confidence,
};
use model::{Category, Entity, Suspect};

/// Suspects that are named.
const MOST: usize = 8;
/// What remains of the weight of somebody whose trouble another one explains.
const CARRIED: f64 = 0.3;

/// Everything that speaks against one suspect for one kind of fault.
#[derive(Debug, Clone)]
pub(crate) struct Charge {
    pub clues: Vec<Clue>,
    pub score: f64,
    pub explained: Option<Explained>,
}

impl Charge {
    pub fn entity(&self) -> &Entity {
        &self.clues[0].suspect
    }
    pub fn category(&self) -> Category {
        self.clues[0].category
    }
}

/// The charges, best first. The order of the clues does not matter.
pub(crate) fn rank(mut clues: Vec<Clue>) -> Vec<Charge> {
    // Of a log at level ERROR nobody knows where it failed: nobody is accused by no name.
    clues.retain(|it| !it.suspect.name.is_empty());
    clues.sort_by(|a, b| {
        b.weight
            .total_cmp(&a.weight)
            .then_with(|| a.suspect.cmp(&b.suspect))
            .then_with(|| a.category.cmp(&b.category))
            .then_with(|| a.mechanism.cmp(&b.mechanism))
    });
    let mut charges: Vec<Charge> = Vec::new();
    for clue in clues {
        let same = charges
            .iter_mut()
            .find(|it| it.entity().name == clue.suspect.name && it.category() == clue.category);
        match same {
            Some(charge) => {
                // What repeats adds little: the facts overlap.
                charge.score = 1.0 - (1.0 - charge.score) * (1.0 - clue.weight * 0.2);
                charge.clues.push(clue);
            }
            None => charges.push(Charge {
                score: clue.weight,
                clues: vec![clue],
                explained: None,
            }),
        }
    }
    explain_away(&mut charges);
    charges.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.entity().cmp(b.entity()))
    });
    charges
}

/// A charge steps back when a stronger one explains its suspect's trouble.
fn explain_away(charges: &mut [Charge]) {
    let given: Vec<(String, f64, Explained)> = charges
        .iter()
        .flat_map(|charge| {
            let by = charge.entity().name.clone();
            let score = charge.score;
            let explains = charge.clues.iter().flat_map(|it| it.explains.clone());
            explains
                .map(move |it| (by.clone(), score, it))
                .collect::<Vec<_>>()
        })
        .collect();
    for charge in charges.iter_mut() {
        let entity = charge.entity().clone();
        // Of two that explain each other the stronger one stays.
        let mutual = |by: &str, score: f64| {
            let own = charge.clues.iter().flat_map(|it| &it.explains);
            charge.score >= score && own.filter(|it| it.name == by).count() > 0
        };
        let found = given.iter().find(|(by, score, explained)| {
            *by != entity.name
                && *score > 0.6
                && explained.name == entity.name
                && (explained.kind.is_empty() || explained.kind == entity.kind)
                && *score + 0.15 > charge.score
                && !mutual(by, *score)
        });
        if let Some((_, _, explained)) = found {
            charge.score *= CARRIED;
            charge.explained = Some(explained.clone());
        }
    }
}

/// The ranked suspects as they are told; one entry per name and category.
pub(crate) fn suspects(charges: &[Charge]) -> Vec<Suspect> {
    charges
        .iter()
        .take(MOST)
        .map(|charge| Suspect {
            kind: charge.entity().kind.clone(),
            name: charge.entity().name.clone(),
            category: Some(charge.category()),
            score: (confidence::calibrated(charge.score) * 1_000.0).round() / 1_000.0,
        })
        .collect()
}

/// How far the first is ahead of the next one who is somebody else, 0 to 1.
pub(crate) fn margin(charges: &[Charge]) -> f64 {
    let Some(first) = charges.first() else {
        return 0.0;
    };
    let next = charges
        .iter()
        .skip(1)
        .find(|it| it.entity().name != first.entity().name);
    next.map_or(1.0, |next| {
        ((first.score - next.score) / first.score.max(0.01)).clamp(0.0, 1.0)
    })
}
