//! Rules of handles.
