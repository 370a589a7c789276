//! Contents in a local directory.
