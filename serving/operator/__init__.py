"""The operator's page: rates, lag, segments, swerves, click-through, rejects and the model that serves, over the last hour."""
