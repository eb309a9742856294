//! Collecting from AWS: an endpoint that replays what AWS has recorded, with everything going wrong that
//! can, gives exactly what importing the same recordings gives.

mod arrivals;
#[path = "../whole/binary.rs"]
#[allow(dead_code)]
mod binary;
mod endpoint;
mod fall_back;
mod moto;
mod recordings;
mod step_functions;
