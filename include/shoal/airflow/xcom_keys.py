"""XCom keys that tasks write and the listener of runs reads; here, since neither side should load the other."""

CAUSE = "cause"
"""Under which a task that fails says why."""

SAID = "said"
"""Under which a plan says what the run's note is to say of a run that did nothing."""

CHANGED = "changed"
"""Under which the last task says what the dataset file says otherwise than it did when the run was planned."""

PLAN = "plan"
"""Under which a plan says where it lies, also when it has no shards."""

TELLS = "tells"
"""Under which tasks say in one line what the run's note is to say of its plan and its result."""
