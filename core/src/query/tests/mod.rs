mod asked;
mod counted;
mod found;
mod model;
mod watched;
