"""The programs of an embedded installation: started, watched, ended."""
