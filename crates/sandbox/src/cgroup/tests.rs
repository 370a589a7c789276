pub(crate) mod child;
mod real;
mod v2;
