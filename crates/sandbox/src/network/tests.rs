mod bytes;
mod escapes;
mod place;
mod source;
