//! The one library that every face of FLUX OS uses.
