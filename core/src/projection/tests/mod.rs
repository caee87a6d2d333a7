mod bytes;
mod documents;
