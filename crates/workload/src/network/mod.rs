//! Networks: read, written, imported and generated.
