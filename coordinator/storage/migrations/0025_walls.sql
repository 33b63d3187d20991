-- Walls between projects (docs/security.md "Projects"): names of two projects have states of their own.
CREATE TABLE walled_states (
  name TEXT NOT NULL,
  platform TEXT NOT NULL,
  project TEXT NOT NULL,
  -- As those of name_states (0015_notices.sql).
  status INTEGER NOT NULL,
  status_build INTEGER NOT NULL,
  status_since INTEGER NOT NULL,
  verdict INTEGER NOT NULL,
  verdict_build INTEGER NOT NULL,
  verdict_since INTEGER NOT NULL,
  PRIMARY KEY (name, platform, project)
) STRICT, WITHOUT ROWID;
INSERT INTO walled_states
  SELECT name, platform,
    coalesce((SELECT project FROM build_projects WHERE build = max(status_build, verdict_build)), 'default'),
    status, status_build, status_since, verdict, verdict_build, verdict_since FROM name_states;
ALTER TABLE state_changes ADD COLUMN project TEXT NOT NULL DEFAULT 'default';
UPDATE state_changes SET project = coalesce((SELECT s.project FROM walled_states s
  WHERE s.name = state_changes.name AND s.platform = state_changes.platform), 'default');
DROP TABLE name_states;
ALTER TABLE walled_states RENAME TO name_states;

-- Recipes of projects begin with their project from now on. What was derived without that would be everybody's.
CREATE TEMP TABLE unwalled AS SELECT build FROM build_projects WHERE project <> 'default';
DELETE FROM wall_rows WHERE recipe IN (SELECT recipe FROM build_history WHERE build IN (SELECT build FROM unwalled));
DELETE FROM build_history WHERE build IN (SELECT build FROM unwalled);
DELETE FROM recipe_cells WHERE build IN (SELECT build FROM unwalled);
DELETE FROM reverifiable_builds WHERE build IN (SELECT build FROM unwalled);
DROP TABLE unwalled;
