//! Where things go on the screen: plain functions on plain data, tested natively.

pub mod case;
pub mod changes;
pub mod grid;
pub mod histogram;
pub mod json;
pub mod plot;
pub mod sheet;
pub mod slice;
pub mod tree;
pub mod window;
