"""Documents -> chunks -> passages: loading, splitting, lexical and dense search, dates."""
