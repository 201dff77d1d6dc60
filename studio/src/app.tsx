import { useEffect, useRef, useState } from "preact/hooks";
import { ChatPage } from "./chat/chat_page.tsx";
import { NewRunPage } from "./new_run/new_run_page.tsx";
import { Fault } from "./parts/fault.tsx";
import { NoJobs } from "./parts/no_jobs.tsx";
import { linkTo, type Route, useRoute } from "./router.ts";
import { ComparePage } from "./runs/compare_page.tsx";
import { RunPage } from "./runs/run_page.tsx";
import { RunsPage } from "./runs/runs_page.tsx";
import { baseOf, giveKey, server } from "./server.ts";
import { setLanguage, useWords } from "./words_in_use.ts";

export function App() {
  const { words, language } = useWords();
  const { needsKey, failure, about } = server.use();
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = words.said("attune studio", titleOf(route, words));
  }, [language, route.page]);
  const place = JSON.stringify(route);
  const lastPlace = useRef(place);
  useEffect(() => {
    if (lastPlace.current === place) return;
    lastPlace.current = place;
    main.current?.focus({ preventScroll: true }); // who doesn't see the page is told that it is another one
    scrollTo(0, 0);
  }, [place]);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        {words.skip}
      </button>
      <Side route={route} />
      <main ref={main} tabIndex={-1}>
        {needsKey ? <KeyGate isWrong={needsKey.isWrong} /> : <Fault failure={failure} />}
        {about && !needsKey && <CurrentPage route={route} />}
      </main>
    </>
  );
}

type Titles = ReturnType<typeof useWords>["words"];

const titleOf = ({ page }: Route, words: Titles) =>
  page === "new"
    ? words.newRun
    : page === "chat"
      ? words.chat
      : page === "compare"
        ? words.compare
        : words.runs;

function CurrentPage({ route }: { route: Route }) {
  const { words } = useWords();
  const { about } = server.use();
  if (!about?.has_jobs && route.page !== "chat") return <NoJobs title={titleOf(route, words)} />;
  switch (route.page) {
    case "runs":
      return <RunsPage />;
    case "run":
      return <RunPage key={route.id} id={route.id} />;
    case "compare":
      return <ComparePage ids={route.ids} />;
    case "chat":
      return <ChatPage />;
    default:
      return <NewRunPage />;
  }
}

function Side({ route }: { route: Route }) {
  const { words, language } = useWords();
  const current = server.use();
  const base = baseOf(current);
  const links = [
    [linkTo.new, words.newRun, route.page === "new", "M12 5v14M5 12h14"],
    [
      linkTo.runs,
      words.runs,
      ["runs", "run", "compare"].includes(route.page),
      "M4 19V5M4 19h16M7 15l4-5 3 3 5-7",
    ],
    [linkTo.chat, words.chat, route.page === "chat", "M4 5h16v11H10l-5 4v-4H4z"],
  ] as const;
  const other = language === "en" ? "zh" : "en";
  return (
    <header class="side">
      <a class="brand" href={linkTo.new}>
        attune <span>studio</span>
      </a>
      <nav aria-label={words.pages}>
        {links.map(([link, name, isHere, icon]) => (
          <a key={link} href={link} aria-current={isHere ? "page" : undefined}>
            <svg viewBox="0 0 24 24" aria-hidden="true">
              <path d={icon} />
            </svg>
            {name}
          </a>
        ))}
      </nav>
      <div class="side-foot">
        {base && (
          <p class="note">
            {words.model} <strong>{base.id}</strong>
          </p>
        )}
        <button type="button" class="quiet" lang={other} onClick={() => setLanguage(other)}>
          {words.otherLanguage}
        </button>
      </div>
    </header>
  );
}

function KeyGate({ isWrong }: { isWrong: boolean }) {
  const { words } = useWords();
  const [key, setKey] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    void giveKey(key.trim());
  };
  return (
    <section class="card gate">
      <h1>{words.keyNeeded}</h1>
      <form onSubmit={submit}>
        <label for="api-key">{words.key}</label>
        <input
          id="api-key"
          type="password"
          autocomplete="off"
          value={key}
          aria-describedby="key-hint"
          onInput={({ currentTarget }) => setKey(currentTarget.value)}
        />
        <p class="note" id="key-hint">
          {words.keyHint}
        </p>
        {isWrong && (
          <p class="alert" role="alert">
            {words.wrongKey}
          </p>
        )}
        <button type="submit" class="main" disabled={key.trim() === ""}>
          {words.useKey}
        </button>
      </form>
    </section>
  );
}
