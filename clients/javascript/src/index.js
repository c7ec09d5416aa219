export { CommandError, Commands, Refused, TooLarge, memoryStore, parts, readAnswer, webStore } from "./commands.js";
export { hashOf, parseDocument, route, rows, shown } from "./document.js";
export { XMPPService } from "./service.js";
