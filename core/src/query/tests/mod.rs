mod asked;
mod found;
mod model;
