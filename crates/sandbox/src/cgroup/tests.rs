mod child;
mod real;
mod v2;
