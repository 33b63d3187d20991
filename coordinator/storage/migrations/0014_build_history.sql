-- Recipes over time (history_records.h), and which builds are to be verified again. Derived: builds say the same.

-- What people call a recipe: image names without tags, else where its context came from.
CREATE TABLE recipe_names (
  name TEXT NOT NULL,
  -- core::RecipeIdentity.
  recipe TEXT NOT NULL,
  PRIMARY KEY (name, recipe)
) STRICT, WITHOUT ROWID;

-- The cells of builds that have ended.
CREATE TABLE build_history (
  recipe TEXT NOT NULL,
  platform TEXT NOT NULL,
  build INTEGER NOT NULL,
  -- v1.Standing.
  standing INTEGER NOT NULL,
  -- v1.BuildHistoryRow.
  row BLOB NOT NULL,
  PRIMARY KEY (recipe, platform, build)
) STRICT, WITHOUT ROWID;
CREATE INDEX build_history_by_standing ON build_history (recipe, platform, standing, build);

-- The newest build of each recipe and set of arguments that was reproducible on all its platforms and that the farm can
-- build again by itself (it was given no secrets).
CREATE TABLE reverifiable_builds (
  recipe TEXT NOT NULL,
  arguments TEXT NOT NULL,
  build INTEGER NOT NULL,
  label TEXT NOT NULL,
  -- When it, or the last rebuild of it that came to an end of its own, ended.
  verified_at INTEGER NOT NULL,
  -- When the last rebuild of it was submitted; 0: none was.
  attempted_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (recipe, arguments)
) STRICT, WITHOUT ROWID;
CREATE INDEX reverifiable_by_time ON reverifiable_builds (verified_at);
CREATE INDEX reverifiable_by_build ON reverifiable_builds (build);
