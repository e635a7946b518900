"""The steps, in the order of their numbers; none is changed once it was released."""
