"""The faces of the library: numpy frames in, estimates out."""
