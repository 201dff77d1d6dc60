/** The template's own fault, or what it raises: the message is for the user. */
export class TemplateError extends Error {}
