"""What people look at, made from documents and deciding nothing."""
