// Where commands are until they are answered.

/** A store for programs that need not repeat anything after a restart. */
export function memoryStore() {
  const commands = new Map();
  return {
    save: (command) => void commands.set(command.id, command),
    remove: (id) => void commands.delete(id),
    load: () => [...commands.values()],
  };
}

/** A store in a browser's `localStorage`, or in anything with its functions. */
export function webStore(storage, prefix = "xmppservice.") {
  return {
    save: (command) => storage.setItem(prefix + command.id, JSON.stringify(command)),
    remove: (id) => storage.removeItem(prefix + id),
    load: () =>
      Array.from({ length: storage.length }, (_, index) => storage.key(index))
        .filter((key) => key.startsWith(prefix))
        .flatMap((key) => commandsIn(storage.getItem(key))),
  };
}

/** Returns the command in a stored text: none if another program has written it. */
function commandsIn(text) {
  try {
    const command = JSON.parse(text);
    return command?.id && command.word && command.payload ? [command] : [];
  } catch {
    return [];
  }
}
