//! From the text of a document to one syntax tree.

pub mod ast;
