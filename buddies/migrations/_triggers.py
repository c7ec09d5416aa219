"""Triggers for what no constraint can check: no cycles, no entries below a channel.

They apply to every writer, raw SQL included. On PostgreSQL they take the
tree's lock row first, so that two writers cannot make a cycle together.
"""

SQLITE_PLACE = """
    CREATE TRIGGER buddy_{event}_below_group BEFORE {when} ON buddies_buddy
    WHEN NEW.parent_id IS NOT NULL BEGIN
      SELECT RAISE(ABORT, 'only a group can hold entries') WHERE EXISTS (
        SELECT 1 FROM buddies_buddy WHERE id = NEW.parent_id AND type <> 'group');
      SELECT RAISE(ABORT, 'an entry cannot stand below itself')
      WHERE NEW.id = NEW.parent_id OR EXISTS (
        WITH RECURSIVE above(id) AS (
          SELECT NEW.parent_id
          UNION
          SELECT parent_id FROM buddies_buddy JOIN above USING (id)
          WHERE parent_id IS NOT NULL)
        SELECT 1 FROM above WHERE id = NEW.id);
    END
"""
SQLITE_TYPE = """
    CREATE TRIGGER buddy_{event}_stays_group BEFORE {when} ON buddies_buddy
    WHEN NEW.type <> 'group' BEGIN
      SELECT RAISE(ABORT, 'a channel holds no entries') WHERE EXISTS (
        SELECT 1 FROM buddies_buddy WHERE parent_id = NEW.id);
    END
"""
POSTGRESQL = """
    CREATE OR REPLACE FUNCTION buddy_in_its_place() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM 1 FROM buddies_tree WHERE id = 1 FOR UPDATE;
      IF EXISTS (SELECT 1 FROM buddies_buddy
                 WHERE id = NEW.parent_id AND type <> 'group') THEN
        RAISE EXCEPTION 'only a group can hold entries'
          USING ERRCODE = 'check_violation';
      END IF;
      IF NEW.id = NEW.parent_id OR EXISTS (
        WITH RECURSIVE above(id) AS (
          SELECT NEW.parent_id
          UNION
          SELECT b.parent_id FROM buddies_buddy b JOIN above USING (id)
          WHERE b.parent_id IS NOT NULL)
        SELECT 1 FROM above WHERE id = NEW.id) THEN
        RAISE EXCEPTION 'an entry cannot stand below itself'
          USING ERRCODE = 'check_violation';
      END IF;
      IF NEW.type <> 'group' AND EXISTS (
        SELECT 1 FROM buddies_buddy WHERE parent_id = NEW.id) THEN
        RAISE EXCEPTION 'a channel holds no entries'
          USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER buddy_in_its_place
      BEFORE INSERT OR UPDATE OF parent_id, type ON buddies_buddy
      FOR EACH ROW EXECUTE FUNCTION buddy_in_its_place();
"""


def create_again(apps, schema_editor):
    """Create what SQLite drops with the table when a migration alters a column."""
    if schema_editor.connection.vendor == "sqlite":
        create(apps, schema_editor)


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(SQLITE_PLACE.format(event="insert", when="INSERT"))
        schema_editor.execute(
            SQLITE_PLACE.format(event="update", when="UPDATE OF parent_id")
        )
        # Foreign keys are checked at commit, so children may already exist.
        schema_editor.execute(SQLITE_TYPE.format(event="insert", when="INSERT"))
        schema_editor.execute(SQLITE_TYPE.format(event="update", when="UPDATE OF type"))
    else:
        schema_editor.execute(POSTGRESQL)
