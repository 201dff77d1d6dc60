// Renders the templates of cases.json as Ollama does (template/template.go: Execute, for templates that name .Messages)
// and writes rendered.json. Run by make.ts.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"text/template"
)

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type cases struct {
	Templates     map[string]string `json:"templates"`
	Conversations [][]message       `json:"conversations"`
}

// Messages of one role that follow each other become one, and system messages are told apart as well.
func collate(messages []message) (string, []*message) {
	var system []string
	var collated []*message
	for i := range messages {
		if messages[i].Role == "system" {
			system = append(system, messages[i].Content)
		}
		if last := len(collated) - 1; last >= 0 && collated[last].Role == messages[i].Role {
			collated[last].Content += "\n\n" + messages[i].Content
		} else {
			one := messages[i]
			collated = append(collated, &one)
		}
	}
	return strings.Join(system, "\n\n"), collated
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	text, err := os.ReadFile("cases.json")
	check(err)
	var given cases
	check(json.Unmarshal(text, &given))
	rendered := map[string][]string{}
	for name, source := range given.Templates {
		parsed, err := template.New(name).Option("missingkey=zero").Parse(source)
		check(err)
		for _, messages := range given.Conversations {
			system, collated := collate(messages)
			var out bytes.Buffer
			check(parsed.Execute(&out, map[string]any{"System": system, "Messages": collated, "Tools": nil, "Response": ""}))
			rendered[name] = append(rendered[name], out.String())
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	check(encoder.Encode(map[string]any{"go": runtime.Version(), "rendered": rendered}))
	check(os.WriteFile("rendered.json", out.Bytes(), 0o644))
}
