export { CommandError, Commands, Refused, TooLarge, payloadOf, readAnswer } from "./commands.js";
export { hashOf, parseDocument, route, rows, shown } from "./document.js";
export { parts } from "./parts.js";
export { XMPPService } from "./service.js";
export { memoryStore, webStore } from "./store.js";
