//! What the tests of the whole share: the checkout, its files, and pages that are written from code.

pub mod checkout;
pub mod tables_page;
