import { Recipe } from "/work/wt/rows/src/training/recipe.ts";
import * as z from "zod";
for (const [k,v] of Object.entries({ seed: 2**60, training:{epochs: Infinity, maxLength: 1, learningRate: NaN}, data:[{path:"a", columns:{"":"x", a:3}, task:{templates:[{input:"x",output:"{{y}}"}], choices: 3}}], adapter: {type:"lora", targetModules: 3, r: 1.5, rankPattern:{a:0.5}, trainableTokenIndices: "x", initLoraWeights: "zz", layersToTransform: [1.5]}}))
 console.log(JSON.stringify(Recipe.safeParse({model:"a",data:[{path:"a"}],output:"o",[k]:v},{reportInput:true}).error?.issues, null, 1));
const D = z.array(z.object({a: z.union([z.string(), z.array(z.string())]).optional()}));
console.log(JSON.stringify(D.safeParse([{a: 3},{a:[3]}],{reportInput:true}).error?.issues, null, 1));
