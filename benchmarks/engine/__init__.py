"""The engine and the pipeline that it runs, beside the minimum that the stages' own times allow."""
