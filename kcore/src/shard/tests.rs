//! Rules that span several parts.
