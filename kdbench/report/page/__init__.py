"""The page of a study: one file of HTML, made from templates; and that of several studies side by side."""
