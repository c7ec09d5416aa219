export { CommandError, Commands, Refused, TooLarge, parts, payloadOf, readAnswer } from "./commands.js";
export { hashOf, parseDocument, route, rows, shown } from "./document.js";
export { XMPPService } from "./service.js";
export { memoryStore, webStore } from "./store.js";
