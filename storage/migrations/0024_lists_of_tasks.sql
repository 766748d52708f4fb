-- Lists of tasks begin with the newest: they are read in that order as far as they are shown, and not sorted as a whole.

CREATE INDEX task_newest ON task (created_at DESC, id DESC);
CREATE INDEX task_over ON task ((coalesce(done_at, created_at)) DESC, id) WHERE status IN ('done', 'cancelled');
