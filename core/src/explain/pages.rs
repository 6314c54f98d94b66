//! The pages, one file for each group of codes.

mod agents;
mod code;
mod data;
mod file;
mod libraries;
mod names;
mod sections;
mod steps;
mod tests;

use super::Page;

/// Every page, by code.
pub(super) const GROUPS: &[&[Page]] = &[
    file::PAGES,
    sections::PAGES,
    steps::PAGES,
    code::PAGES,
    names::PAGES,
    agents::PAGES,
    tests::PAGES,
    libraries::PAGES,
    data::PAGES,
    agents::WARNINGS,
    libraries::WARNINGS,
    tests::WARNINGS,
    agents::NOTES,
];
