mod asked;
mod found;
mod model;
mod watched;
