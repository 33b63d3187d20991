-- Lists of builds, the wall and trends (build_list.h, overview_index.h). Derived: builds, executions and packages say the
-- same.

-- Builds that have ended, without those that compile wheels for others: what filters ask of (overview/listed_build.h).
-- Rows are short, because a filter that finds little reads many.
CREATE TABLE build_list (
  build INTEGER PRIMARY KEY,
  submitted_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  status INTEGER NOT NULL,
  -- Bits: 1 << v1.Verdict of its cells.
  verdicts INTEGER NOT NULL,
  platforms TEXT NOT NULL,
  names TEXT NOT NULL,
  labels TEXT NOT NULL,
  target TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;

-- The same as lists show them.
CREATE TABLE build_heads (
  build INTEGER PRIMARY KEY,
  -- v1.BuildView without what is long in it.
  head BLOB NOT NULL
) STRICT;

-- One row for each recipe.
CREATE TABLE wall_rows (
  recipe TEXT NOT NULL UNIQUE,
  -- 0: needs a look, else 1; and the time of its last change, negative: in ascending order the wall's.
  calm INTEGER NOT NULL,
  unchanged INTEGER NOT NULL,
  -- v1.WallRow.
  row BLOB NOT NULL
) STRICT;
CREATE INDEX wall_rows_in_order ON wall_rows (calm, unchanged, recipe);

-- Sums of what ended in an hour: hours since 1970.
CREATE TABLE trend_hours (
  hour INTEGER PRIMARY KEY,
  -- v1.TrendSums.
  sums BLOB NOT NULL
) STRICT;
