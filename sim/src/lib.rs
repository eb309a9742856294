//! Mysteries with known answers: a simulator of workflows, the faults that can befall them, and a bench.
//!
//! A seed gives a workflow in a world that is in order ([`setting`]), a fault changes one property of that world
//! ([`faults`]), both worlds run on the same dice ([`asl`], [`world`]), one is written as files ([`emit`]), and
//! the difference between the two is the answer ([`truth`]). [`score`] compares what a judge said with it.
//! [`shop`] is apart: microservices without any workflow, a healthy and a faulty period.

pub mod asl;
pub mod bundled;
pub mod chance;
pub mod emit;
pub mod facts;
pub mod faults;
pub mod herrings;
pub mod mystery;
mod naive;
pub mod report;
pub mod score;
pub mod setting;
pub mod shop;
pub mod truth;
pub mod world;

pub use mystery::{Mystery, Order, fault_names, make};
pub use setting::Family;
pub use truth::{CaseTruth, Truth};
