-- Dockerfile lines that repair a failure (PackageOutcome.remedy_lines), with a line feed after each.
ALTER TABLE packages ADD COLUMN remedy_lines TEXT NOT NULL DEFAULT '';
