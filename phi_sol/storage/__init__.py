"""Files: written as a whole or not at all, frames in PhiFlow's format, and recorded simulations mapped into memory."""
