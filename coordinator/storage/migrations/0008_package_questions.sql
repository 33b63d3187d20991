-- Questions about packages over many builds, each answered from one index. The tables here are derived: packages,
-- executions and builds say the same, by other keys (package_index.h fills and keeps them).
ALTER TABLE executions ADD COLUMN platform TEXT NOT NULL DEFAULT '';
DROP INDEX packages_by_name;

-- Every package row by name, platform and time.
CREATE TABLE package_history (
  name TEXT NOT NULL,
  platform TEXT NOT NULL,
  -- Of the execution.
  finished_at INTEGER NOT NULL,
  execution INTEGER NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (name, platform, finished_at, execution, position)
) STRICT, WITHOUT ROWID;

-- Every one that did not fail, by name and version.
CREATE TABLE package_releases (
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  execution INTEGER NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (name, version, execution, position)
) STRICT, WITHOUT ROWID;

-- Every one that was compiled, or that failed while it was.
CREATE TABLE compilations (
  platform TEXT NOT NULL,
  finished_at INTEGER NOT NULL,
  execution INTEGER NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  tag TEXT NOT NULL,
  -- NULL: not known.
  seconds REAL,
  build INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  emulated INTEGER NOT NULL,
  replica INTEGER NOT NULL,
  build_dependency INTEGER NOT NULL,
  PRIMARY KEY (platform, finished_at, execution, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX compilations_by_release ON compilations (name, version, platform, tag, emulated, finished_at)
  WHERE failed = 0 AND seconds IS NOT NULL;

-- The steps of ended builds that brought packages, and the execution that counts for each.
CREATE TABLE package_steps (
  build INTEGER NOT NULL,
  stage INTEGER NOT NULL,
  step_number INTEGER NOT NULL,
  stage_name TEXT NOT NULL,
  execution INTEGER NOT NULL,
  -- The execution's.
  platform TEXT NOT NULL,
  finished_at INTEGER NOT NULL,
  PRIMARY KEY (build, stage, step_number)
) STRICT, WITHOUT ROWID;
CREATE INDEX package_steps_by_execution ON package_steps (execution, build, platform);

-- Builds that have ended, without what is long in them.
CREATE TABLE ended_builds (
  build INTEGER PRIMARY KEY,
  -- core::RecipeIdentity; '': none.
  recipe TEXT NOT NULL,
  arguments TEXT NOT NULL,
  label TEXT NOT NULL,
  status INTEGER NOT NULL,
  submitted_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ended_builds_by_submission ON ended_builds (submitted_at, build);

-- The platforms on which they succeeded, by recipe.
CREATE TABLE recipe_cells (
  recipe TEXT NOT NULL,
  platform TEXT NOT NULL,
  arguments TEXT NOT NULL,
  finished_at INTEGER NOT NULL,
  build INTEGER NOT NULL,
  PRIMARY KEY (recipe, platform, arguments, finished_at, build)
) STRICT, WITHOUT ROWID;
CREATE INDEX recipe_cells_by_time ON recipe_cells (recipe, platform, finished_at, build);
